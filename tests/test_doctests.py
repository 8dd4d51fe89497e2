"""The examples in docstrings hold."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = """
import doctest, importlib, sys
sys.exit(sum(doctest.testmod(importlib.import_module(name)).failed for name in sys.argv[1:]))
"""


def test_the_examples_in_the_docstrings_hold() -> None:
    """In a process of their own: a function's module makes its clients when it is imported, and is then kept."""
    files = [path for path in sorted((ROOT / "recsys").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", PROGRAM, *modules]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert len(modules) > 20 and done.returncode == 0, done.stdout + done.stderr
