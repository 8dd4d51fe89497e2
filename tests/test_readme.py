"""What the README shows holds."""

import re
from pathlib import Path
from typing import Any

import pytest

from recsys.models import ColdStart

ROOT = Path(__file__).parents[1]


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Python of the README, in a folder that has the sample."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)


def test_the_models_are_used_alone_and_measured_as_the_readme_shows(
    examples: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    use, measure = examples
    names: dict[str, Any] = {}
    exec(use, names)
    recommended, cold, popular, similar = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ColdStart\(600 items, .*\) \[('I\d{4}'(, )?){5}\]", recommended)
    assert cold == "True"
    assert all(re.fullmatch(r"\[('I\d{4}'(, )?){5}\]", printed) for printed in (popular, similar))
    assert len(ColdStart.load(tmp_path / "build" / "next-item").item_ids) == 601
    exec(measure, names)
    popularity, next_item, lead = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Popularity 0\.0\d{3} \[0\.\d{4}, 0\.\d{4}\]", popularity)
    assert re.fullmatch(r"NextItem 0\.(28|29)\d{2} \[0\.\d{4}, 0\.\d{4}\]", next_item)
    assert re.fullmatch(r"\+0\.2\d{2} \(\+0\.\d{3} to \+0\.\d{3}\)", lead)
