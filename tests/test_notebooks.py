"""The notebooks as a reader runs them: cell by cell, in order, with the values in their parameters cells."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recsys import params, runs

ROOT = Path(__file__).parents[1]
QUICK = {  # as a reader runs them, with less of what only makes figures smoother
    "RECSYS__TRAINING__BOOTSTRAP_SAMPLES": "100",
    "RECSYS__STREAM__REPLAY_USERS": "6",
    "RECSYS__API__LATENCY_REQUESTS": "20",
    "RECSYS__SAGEMAKER__TRAINING_BUDGET_SECONDS": "2",
    "RECSYS__SAGEMAKER__COMPARED_USERS": "60",
}


@pytest.fixture(scope="module")
def embedded(embedded_of_its_own: Callable[[], Any]) -> Iterator[Any]:
    """A server for the notebooks alone, as what they make stays."""
    with embedded_of_its_own() as server:
        yield server


@pytest.fixture(scope="module")
def environment(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    return {"RECSYS__AWS__ENDPOINT": embedded.endpoint, "RECSYS__RUN__RUNS_FOLDER": str(folder), **QUICK}


@pytest.fixture(scope="module")
def validated(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    options = [
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-sanitize-with",
        "tests/nbval.cfg",
        "-p",
        "no:cacheprovider",
    ]
    command = [sys.executable, "-m", "pytest", *options, "notebooks"]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900
    )


def test_every_cell_runs_and_the_tables_that_must_not_change_have_not(
    validated: subprocess.CompletedProcess[str],
) -> None:
    assert validated.returncode == 0, validated.stdout[-4000:]


def test_the_run_is_whole_with_a_live_api(
    validated: subprocess.CompletedProcess[str], environment: dict[str, str]
) -> None:
    values, _ = params.load(environment=environment)
    run = runs.find("", values)
    assert run.status == "done", validated.stdout[-4000:]
    assert list(run.steps) == [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert run.resource("ApiUrl").startswith("http")
    assert (
        run.steps["03_training"]["metrics"]["NDCG@10"]
        > 2 * run.steps["03_training"]["metrics"]["NDCG@10 of popularity"]
    )
