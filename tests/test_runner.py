"""The runner on small notebooks of its own, with real kernels."""

import gc
import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from rich.console import Console

from recsys import files, params, runner, runs
from recsys.errors import NotebookError, ParamsError

START = """
from recsys import notebook
run = notebook.start("{stem}", params_file, run_id, seed=seed)
"""
PARAMETERS = 'params_file = "params/local.yaml"  # file\nrun_id = ""  # run\nseed = 7  # seed'

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project folder with params and the notebooks given as `name=[cell, ...]`."""
    shutil.copytree(files.root() / "params", tmp_path / "params")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(parameters: str = PARAMETERS, **notebooks: list[str]) -> Path:
        for stem, sources in notebooks.items():
            stem = stem.removeprefix("n")
            head = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
            body = [nbformat.v4.new_code_cell(source) for source in (START.format(stem=stem), *sources)]
            made = nbformat.v4.new_notebook(cells=[head, *body], metadata={"language_info": {"name": "python"}})
            nbformat.write(made, tmp_path / "notebooks" / f"{stem}.ipynb")
        return tmp_path

    return write


def execute(*settings: str, **options: object) -> tuple[runs.Run, str]:
    values, origin = params.load(settings=["data.source=file", *settings], environment={})
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    options = {"exists": lambda resource: True, **options}
    return runner.execute(values, origin, params.DEFAULT_FILE, console=console, **options), shown.getvalue()  # type: ignore


def test_a_run_records_metrics_and_leaves_the_executed_notebook_and_its_page(project: Project) -> None:
    project(n01_first=["run.finish(metrics={'seed': seed}, resources={'BucketName': 'b'})"])
    run, shown = execute("training.seed=12")
    assert run.status == "done"
    assert run.steps["01_first"]["metrics"] == {"seed": 12}
    assert {"01_first.ipynb", "01_first.html"} <= {path.name for path in run.folder.iterdir()}
    assert "01_first                 done in" in shown


def test_the_clean_up_is_run_by_name_only_again_each_time_and_in_the_newest_run(project: Project) -> None:
    project(n01_first=["run.finish()"], n99_cleanup=["run.finish(metrics={'seed': seed})"])
    first, _ = execute()
    assert list(first.steps) == ["01_first"]
    for _ in range(2):
        run, shown = execute(only="99")
        assert run.run_id == first.run_id and list(run.steps) == ["01_first", "99_cleanup"]
        assert "99_cleanup               done in" in shown and "01_first" not in shown
    assert "01_first                 unchanged" in execute()[1]
    with pytest.raises(NotebookError, match='"9" matches 0 notebooks'):
        execute(only="9")


def test_a_second_run_skips_what_is_unchanged_and_a_change_runs_it_and_what_follows(project: Project) -> None:
    project(n01_first=["run.finish()"], n02_second=["run.finish()"])
    first, _ = execute()
    again, shown = execute()
    assert again.run_id == first.run_id
    assert shown.count("unchanged, skipped") == 2
    assert "--force" not in shown and "; --force runs it all the same" in execute(only="01")[1]
    project(n02_second=["print('new')", "run.finish()"])
    changed, shown = execute()
    assert changed.run_id != first.run_id
    assert changed.steps["01_first"]["carried_from"] == first.run_id
    assert "02_second                running" in shown


def test_a_changed_parameter_runs_the_steps_from_the_first_that_read_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_to(users: int, *settings: str) -> tuple[runs.Run, str]:
        monkeypatch.setenv("RECSYS__SERVING__EXAMPLE_USERS", str(users))  # what a kernel sees of --set
        return execute(f"serving.example_users={users}", *settings)

    told = "run.finish(metrics={'users': run.params.serving.example_users})"
    project(n01_first=["run.finish()"], n02_second=[told], n03_third=["run.finish()"])
    first, _ = set_to(3)
    run, shown = set_to(2)
    assert run.steps["02_second"]["metrics"] == {"users": 2} and run.steps["01_first"]["carried_from"] == first.run_id
    assert "02_second                runs anew: serving.example_users was 3, is 2" in shown
    assert "01_first                 unchanged" in shown and "03_third                 done in" in shown
    assert set_to(2, "experiments.visitors=50")[1].count("unchanged, skipped") == 3
    again, shown = set_to(3)
    assert again.steps["02_second"]["metrics"] == {"users": 3} and "was 2, is 3" in shown


def test_what_went_on_from_a_step_that_was_run_again_alone_is_run_again_too(project: Project) -> None:
    project(n01_first=["run.finish()"], n02_second=["run.finish()"], n03_third=["1 / 0"])
    with pytest.raises(NotebookError, match="03_third failed"):
        execute()
    execute(only="01", force=True)
    project(n03_third=["run.finish()"])
    run, shown = execute()
    assert run.status == "done" and "01_first                 unchanged" in shown
    assert "02_second                done in" in shown


def test_a_step_whose_resource_is_gone_runs_again(project: Project) -> None:
    project(n01_first=["run.finish(resources={'BucketName': 'b'})"])
    first, _ = execute()
    again, shown = execute(exists=lambda resource: resource != "b")
    assert "running" in shown
    assert again.run_id != first.run_id


def test_a_failing_cell_is_named_and_the_next_run_resumes_there(project: Project) -> None:
    root = project(n01_first=["run.finish()"], n02_second=["1", "1", "1", "1", "raise ValueError('no luck')"])
    with pytest.raises(NotebookError, match=r"02_second failed in cell 7: ValueError: no luck \(see .*02_second.html"):
        execute()
    project(n02_second=["run.finish()"])
    run, shown = execute()
    assert run.status == "done"
    assert "01_first                 unchanged" in shown
    assert len(list((root / "runs").glob("*/manifest.json"))) == 1


def test_who_names_a_notebook_takes_what_is_before_it_as_it_is(project: Project) -> None:
    made = "assert seed == 7; run.finish(resources={'BucketName': 'b'})"
    used = "run.finish(metrics={'seed': seed, 'bucket': run.resource('BucketName')})"
    root = project(n01_first=[made], n02_second=[used], n03_third=["run.finish()"])
    first, _ = execute()
    run, shown = execute("training.seed=12", start="02")
    assert run.run_id != first.run_id and run.steps["01_first"]["carried_from"] == first.run_id
    assert run.steps["02_second"]["metrics"] == {"seed": 12, "bucket": "b"} and list(run.steps)[-1] == "03_third"
    assert "01_first                 taken as it is" in shown and "01_first                 running" not in shown
    count = len(list(root.glob("runs/*/manifest.json")))
    with pytest.raises(NotebookError, match=r"02_second goes on from 01_first, which is not done or .*--from 01"):
        execute("training.seed=13", only="02", exists=lambda resource: resource != "b")
    assert len(list(root.glob("runs/*/manifest.json"))) == count
    with pytest.raises(NotebookError, match="01_first failed in cell 3: AssertionError"):
        execute("training.seed=12")  # the whole pipeline leaves nothing as it was


def test_what_a_later_run_took_over_stays_as_it_was_where_it_is_written_anew(project: Project) -> None:
    told = "path = run.folder / 'told.txt'; path.open('w').write({0!r}); run.finish(outputs={{'told': path}})"
    project(n01_first=[told.format("first")], n02_second=["run.finish()"])
    first, _ = execute()
    before = (first.folder / "01_first.ipynb").read_bytes()
    project(n02_second=["1 / 0"])
    with pytest.raises(NotebookError):
        execute()
    project(n01_first=[told.format("second")], n02_second=["run.finish()"])
    second, _ = execute()
    assert second.run_id != first.run_id and second.output("told").read_text() == "second"
    assert (first.folder / "01_first.ipynb").read_bytes() == before
    assert first.output("told").read_text() == "first"


def test_a_second_process_is_told_who_runs_the_environment_and_another_environment_runs(project: Project) -> None:
    project(n01_first=["run.finish()"])
    values, _ = params.load(environment={})
    with runs.exclusive_run(values):
        with pytest.raises(NotebookError, match=f'"dev" is run already by process {os.getpid()}: wait for it'):
            execute()
        assert execute("aws.environment_suffix=other")[0].status == "done"
    with runs.exclusive_run(values):
        pass  # it is over


def test_a_run_that_is_told_to_end_is_interrupted_and_leaves_no_socket(project: Project) -> None:
    root = project(n01_first=["import os, signal, time", "os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(NotebookError, match="01_first failed: interrupted"):
        execute()
    assert runs.all_runs(root / "runs")[0].status == "failed"
    assert signal.getsignal(signal.SIGTERM) == before
    assert not [path for path in root.rglob("*") if path.is_socket()]


def test_a_cell_that_ends_the_kernel_is_no_success_and_no_traceback(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project(n01_first=["run.finish()", "import sys; sys.exit(0)", "print('never')"])
    with pytest.raises(NotebookError, match="01_first failed"):
        execute()
    gc.collect()  # which is when asyncio tells of what nobody asked after
    assert "never retrieved" not in caplog.text


def test_a_notebook_that_never_finishes_its_step_is_no_success(project: Project) -> None:
    project(n01_first=["1"])
    with pytest.raises(NotebookError, match=r"ended without run.finish"):
        execute()


def test_an_expectation_that_does_not_hold_stops_the_run_in_words(project: Project) -> None:
    project(n01_first=["run.expect('beats popularity', 1 > 2, '1 against 2')", "run.finish()"])
    with pytest.raises(NotebookError, match="expected: beats popularity; found: 1 against 2"):
        execute()


def test_an_unknown_name_in_a_parameters_cell_is_refused_before_anything_runs(project: Project) -> None:
    root = project(parameters='params_file = "x"  # f\nrun_id = ""  # r\nsede = 7  # s', n01_first=["1"])
    with pytest.raises(ParamsError, match='unknown parameter "sede"; did you mean "seed"'):
        execute()
    assert not (root / "runs").exists()


@pytest.mark.parametrize(("start", "only", "expected"), [("02", None, ["02_b", "03_c"]), (None, "02_b", ["02_b"])])
def test_a_part_of_the_pipeline_is_chosen_by_number_or_name(
    start: str | None, only: str | None, expected: list[str]
) -> None:
    paths = [Path("01_a.ipynb"), Path("02_b.ipynb"), Path("03_c.ipynb")]
    assert [path.stem for path in runner.select(paths, start, only)] == expected


def test_a_choice_that_matches_nothing_lists_what_there_is() -> None:
    with pytest.raises(NotebookError, match='"07" matches 0 notebooks; there are 01_a'):
        runner.select([Path("01_a.ipynb")], "07", None)
