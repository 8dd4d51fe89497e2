"""One training that all tests of a worker share."""

from collections.abc import Iterator
from pathlib import Path

import container_runs
import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The base folder after a training that nothing disturbed; its output is in output.txt."""
    base = container_runs.base_of(tmp_path_factory.mktemp("trained") / "ml", container_runs.interactions(), threads=1)
    process = container_runs.start("train", base)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    (base / "output.txt").write_text(out)
    yield base
