"""What a security scanner finds in the templates: nothing, but what is suppressed with a reason."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys.deploy.template import PARTS, TEMPLATE, content

CONFIG = TEMPLATE.with_name(".checkov.yaml")


def suppressed(path: Path) -> list[dict[str, Any]]:
    every = content(path)["Resources"].values()
    return [entry for each in every for entry in each.get("Metadata", {}).get("checkov", {}).get("skip", [])]


def test_checkov_has_nothing_to_say() -> None:
    program = shutil.which("checkov")
    if not program:
        pytest.skip("checkov is not installed; it wants an environment of its own: pipx install checkov")
    command = [program, "--config-file", str(CONFIG), "--directory", str(TEMPLATE.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [TEMPLATE, *PARTS.values()], ids=lambda path: path.stem)
def test_what_is_suppressed_for_a_resource_says_why(path: Path) -> None:
    assert not [entry for entry in suppressed(path) if not entry.get("comment")]


def test_what_is_suppressed_for_all_says_why_and_is_not_said_again() -> None:
    checks = yaml.safe_load(CONFIG.read_text())["skip-check"]
    above = re.findall(r"(?:^  # .*\n)+(?:  - CKV_AWS_\d+\n)+", CONFIG.read_text(), flags=re.MULTILINE)
    assert checks == [name for part in above for name in re.findall(r"- (CKV_AWS_\d+)", part)]
    assert not {entry["id"] for path in (TEMPLATE, *PARTS.values()) for entry in suppressed(path)} & set(checks)
