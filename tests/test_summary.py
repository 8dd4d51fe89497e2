"""What a finished run says at its end: commands that are about this run's environment, and nothing that is gone."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recsys import params, runs, summary
from recsys.errors import NotebookError

STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/never-was/1"


@pytest.fixture
def said(tmp_path: Path) -> Any:
    """What is said of a run with these parameters, whose notebook 05 made these resources."""

    def show(file: str = params.DEFAULT_FILE, *settings: str, **made: str) -> str:
        wanted = [*settings, f"run.runs_folder={tmp_path}"]
        values, origin = params.load(file, settings=wanted, environment={})
        run = runs.create(values, origin, file)
        run.record("05_api_deployment", status="done", metrics={}, resources={"ApiUrl": "http://api", **made})
        text = io.StringIO()
        summary.show(run, Console(file=text, width=160))
        return text.getvalue()

    return show


def test_the_clean_up_it_names_is_that_of_its_own_environment(said: Any) -> None:
    assert "remove what this environment holds:  recsys destroy\n" in said()
    assert "recsys destroy --params params/ci.yaml\n" in said("params/ci.yaml")
    assert "recsys destroy --set aws.environment_suffix=mine\n" in said(
        params.DEFAULT_FILE, "aws.environment_suffix=mine", "training.seed=3"
    )


def test_a_step_that_failed_is_said_with_its_reason_and_the_way_on(tmp_path: Path) -> None:
    values, origin = params.load("params/ci.yaml", settings=[f"run.runs_folder={tmp_path}"], environment={})
    run, text = runs.create(values, origin, "params/ci.yaml"), io.StringIO()
    run.record("03_training", status="failed", reason="failed in cell 5: ValueError: [no] such item")
    summary.show(run, Console(file=text, width=60))
    assert (
        "03_training failed in cell 5: ValueError: [no] such item\nresume there:  recsys run --params"
        in text.getvalue()
    )


def test_notebooks_run_cell_by_cell_took_their_time_too(tmp_path: Path) -> None:
    values, origin = params.load("params/ci.yaml", settings=[f"run.runs_folder={tmp_path}"], environment={})
    run, text = runs.create(values, origin, "params/ci.yaml"), io.StringIO()
    run.record("01_data_prep", status="done", seconds=2.0)
    run.record("02_schema_and_import", status="done", seconds=3.0, wall_seconds=4.0)
    summary.show(run, Console(file=text, width=160))
    assert "its notebooks took 6 s" in text.getvalue()


def test_a_run_without_an_api_is_not_whole_and_one_whose_api_failed_is_shown(tmp_path: Path) -> None:
    values, origin = params.load(settings=[f"run.runs_folder={tmp_path}"], environment={})
    run, text = runs.create(values, origin, params.DEFAULT_FILE), io.StringIO()
    run.record("01_data_prep", status="done")
    with pytest.raises(NotebookError, match="has no ApiUrl yet: run the earlier notebooks first"):
        summary.check(run)
    run.record("05_api_deployment", status="failed", resources={"ApiUrl": "http://api"})
    summary.show(run, Console(file=text, width=200))
    assert "curl 'http://api/recommendations/1?numResults=5'" in text.getvalue()


def test_what_is_gone_is_not_said_to_answer(said: Any, embedded: Any) -> None:
    text = said(StackArn=STACK)
    assert "no longer there: StackArn" in text
    assert "curl" not in text


def test_where_the_command_is_not_at_hand_it_says_how_it_comes_to_be(
    said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ". .venv/bin/activate"
    monkeypatch.setattr(summary.shutil, "which", lambda name: None)
    assert line in said()
    monkeypatch.setattr(summary.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert line not in said()
