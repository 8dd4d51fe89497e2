import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from recsys import notebook, runs
from recsys.errors import NotebookError, ParamsError


@pytest.fixture(autouse=True)
def own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS__RUN__RUNS_FOLDER", str(tmp_path))
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "")  # remembered, and so put back at the end


def test_a_changed_cell_wins_and_an_unchanged_one_leaves_the_choice_to_the_params_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {seed: 3, bootstrap_samples: 500}\n")
    step = notebook.start("01_data_prep", str(file), seed=11, bootstrap_samples=1000)
    assert step.params.training.seed == 11
    assert step.params.training.bootstrap_samples == 500


def test_a_name_that_is_no_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match='unknown parameter "seeds"; did you mean "seed"'):
        notebook.start("01_data_prep", seeds=1)
    assert list(tmp_path.iterdir()) == []


def test_later_notebooks_go_on_with_the_newest_run() -> None:
    first = notebook.start("01_data_prep")
    first.finish(resources={"BucketName": "b"})
    second = notebook.start("02_schema_and_import")
    assert second.run.run_id == first.run.run_id
    assert second.resource("BucketName") == "b"


def test_a_step_notes_what_it_read_and_so_where_it_was_run() -> None:
    step = notebook.start("01_data_prep")
    assert step.params.serving.example_users == 3
    step.finish()
    read = step.run.steps["01_data_prep"]["read"]
    assert read["serving.example_users"] == 3 and {"aws.region", "aws.endpoint"} < read.keys()


def test_what_an_earlier_notebook_s_cell_changed_is_known_to_those_that_ask_for_it() -> None:
    asked = "04_campaign_and_stream", "replay_users", "replay_events"
    streamed = notebook.start("01_data_prep")
    assert streamed.as_in(*asked) == [40, 6]
    streamed = notebook.start("04_campaign_and_stream", replay_users=80)
    assert streamed.params.stream.replay_users == 80
    streamed.finish()
    later = notebook.start("06_batch_and_sagemaker")
    assert later.as_in(*asked) == [80, 6]
    assert later.params.read["stream.replay_users"] == 40  # what the params say still decides whether it is run again


def test_what_a_notebook_waits_for_it_waits_for_as_long_as_the_params_say(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("aws: {wait_hours: 0.5}\n")
    step = notebook.start("01_data_prep", str(file))
    assert step.wait["timeout"] == 1800
    step.finish()
    assert "aws.wait_hours" not in step.run.steps["01_data_prep"]["read"]


def test_what_was_made_is_known_even_if_a_later_cell_fails() -> None:
    step = notebook.start("01_data_prep")
    step.made(BucketName="b")
    with pytest.raises(NotebookError, match="expected: rows; found: none"):
        step.expect("rows", False, "none")
    again = runs.Run(step.folder)
    assert again.resources == {"BucketName": "b"}
    assert again.steps["01_data_prep"]["expectations"] == [{"what": "rows", "held": False, "detail": "none"}]


def test_what_was_removed_again_is_known_no_more() -> None:
    step = notebook.start("01_data_prep")
    step.made(BucketName="b", CampaignArn="c")
    step.gone("CampaignArn")
    step.finish()
    assert runs.Run(step.folder).resources == {"BucketName": "b"}


def test_an_error_shows_the_cell_s_lines_and_what_to_do_and_not_the_way_through_the_package() -> None:
    shell = InteractiveShell()
    cell = "from recsys import notebook\nnotebook.start('03_training')"
    with redirect_stdout(StringIO()) as shown:
        result = shell.run_cell(cell)
    assert isinstance(result.error_in_exec, NotebookError)
    lines = shown.getvalue().strip().splitlines()
    assert lines[1] == "  line 2: notebook.start('03_training')"
    assert lines[-1] == 'NotebookError: no run of environment "dev" yet: start with 01_data_prep'
    assert len(lines) == 4


def test_a_table_is_the_same_html_for_the_same_values_and_aligns_text_left() -> None:
    frame = pd.DataFrame({"name": ["a"], "share": [0.125], "count": [1200]})
    html = notebook.table(frame, share="{:.0%}").to_html()
    assert html == notebook.table(frame, share="{:.0%}").to_html()
    assert ">12%<" in html
    assert ">1,200<" in html
    assert re.search(r"\.col0 \{\s*text-align: left", html)
    assert not re.search(r"\.col2 \{\s*text-align: left", html)


def test_prices_and_moments_are_told_as_a_person_reads_them() -> None:
    html = notebook.table(pd.DataFrame({"PRICE": [1234.5], "TIMESTAMP": [1736146005]})).to_html()
    assert ">1,234.50<" in html and ">1736146005<" in html
    words = pd.DataFrame({"price": ["on request"], "timestamp": ["2025-01-06"]})
    assert ">on request<" in notebook.table(words).to_html()


def test_a_score_of_a_large_catalogue_is_no_zero() -> None:
    html = notebook.table(pd.DataFrame({"score": [0.0621, 0.000041, None], "seconds": [1234.5, 0.0, 7.25]})).to_html()
    assert all(f">{shown}<" in html for shown in ("0.062", "0.000041", "–", "1,234.500", "0.000", "7.250"))
