"""The page of a run: everything in its manifest, nothing from outside."""

import re
from pathlib import Path

import pytest

from recsys import params, runs
from recsys.errors import NotebookError
from recsys.report import comparisons, report
from recsys.runs import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    values, origin = params.load(settings=[f"run.runs_folder={tmp_path / 'runs'}"], environment={})
    made = runs.create(values, origin, "params/local.yaml")
    made.record("01_data_prep", status="done", wall_seconds=4.0, metrics={"interactions": 29170})
    (made.folder / "01_data_prep.html").write_text("executed")
    made.record(
        "03_training",
        status="done",
        wall_seconds=8.0,
        metrics={"NDCG@10": 0.3, "NDCG@10 of popularity": 0.1},
        expectations=[{"what": "beats <popularity>", "held": True, "detail": "0.300 against 0.100"}],
        resources={"SolutionArn": "arn:aws:personalize:us-east-1:000000000000:solution/user-personalization"},
    )
    return made


def page(run: Run) -> str:
    return report(run.folder).read_text(encoding="utf-8")


def test_it_lies_in_the_run_s_folder(run: Run) -> None:
    assert report(run.folder) == run.folder / "report.html"


def test_a_metric_stands_beside_its_baseline_with_the_ratio(run: Run) -> None:
    assert re.search(r"NDCG@10<b>0\.300</b>\s+3\.00 times popularity's 0\.100", page(run))


def test_a_baseline_of_zero_has_no_ratio() -> None:
    (row,) = comparisons({"MRR@25": 0.3, "MRR@25 of random": 0.0})
    assert row == {"metric": "MRR@25", "baseline": "random", "ours": 0.3, "theirs": 0.0, "times": None}


def test_durations_are_those_of_the_notebooks_and_the_slowest_has_the_whole_bar(run: Run) -> None:
    text = page(run)
    assert "in 12.0 s" in text
    assert re.findall(r'style="width: ([\d.]+)%"', text) == ["50.0", "100.0"]


def test_an_executed_notebook_is_linked_and_a_missing_one_is_not(run: Run) -> None:
    text = page(run)
    assert '<a href="01_data_prep.html">01_data_prep</a>' in text
    assert 'href="03_training' not in text


def test_resources_are_listed_with_their_service(run: Run) -> None:
    assert "<td>SolutionArn</td><td>personalize</td>" in page(run)


def test_what_was_expected_is_said_and_escaped(run: Run) -> None:
    assert "beats &lt;popularity&gt;" in page(run)


def test_a_changed_parameter_names_where_it_was_set(run: Run) -> None:
    assert "<td>run.runs_folder</td>" in page(run)


def test_a_step_carried_over_says_so_and_costs_no_time(run: Run) -> None:
    run.record("01_data_prep", carried_from="20260101-000000-dev")
    text = page(run)
    assert "unchanged, from run 20260101-000000-dev" in text
    assert "in 8.0 s" in text


def test_a_failed_notebook_is_shown_as_failed(run: Run) -> None:
    run.record("03_training", status="failed", expectations=[{"what": "beats it", "held": False, "detail": ""}])
    text = page(run)
    assert '<span class="failed">failed</span>' in text
    assert "✗ broken" in text


def test_the_api_comes_with_a_line_to_paste(run: Run) -> None:
    run.record(
        "05_api_deployment",
        status="done",
        metrics={"example user": "u7"},
        resources={"ApiUrl": "http://127.0.0.1:1/dev"},
    )
    assert "curl 'http://127.0.0.1:1/dev/recommendations/u7?numResults=5'" in page(run)


def test_the_page_loads_nothing_from_elsewhere(run: Run) -> None:
    assert not re.search(r"<(script|link|img|iframe)|src=|@import|url\(", page(run))


def test_a_run_without_steps_has_a_page_too(tmp_path: Path) -> None:
    values, origin = params.load(settings=[f"run.runs_folder={tmp_path / 'runs'}"], environment={})
    empty = runs.create(values, origin, "params/local.yaml")
    assert "0 of 0 done" in page(empty)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="not a readable manifest"):
        report(tmp_path)
