"""What the README shows holds."""

import re
from pathlib import Path

import pytest

from recsys.models import ColdStart

ROOT = Path(__file__).parents[1]


def test_the_models_are_used_alone_as_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    exec(example, {})
    recommended, cold, popular, similar = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ColdStart\(600 items, .*\) \[('I\d{4}'(, )?){5}\]", recommended)
    assert cold == "True"
    assert all(re.fullmatch(r"\[('I\d{4}'(, )?){5}\]", printed) for printed in (popular, similar))
    assert len(ColdStart.load(tmp_path / "build" / "next-item").item_ids) == 601
