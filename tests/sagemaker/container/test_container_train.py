"""`train`: its metrics, its model, how it resumes after any interruption, and what it says when it cannot go on."""

import json
import re
import shutil
import signal
from pathlib import Path
from subprocess import Popen

import container_runs
import pandas as pd
import pytest
from container_runs import base_of, digests, interactions

from recsys.errors import DataError
from recsys.sagemaker import training
from recsys.sagemaker.container import channels, train
from recsys.sagemaker.container.paths import Paths
from recsys.sagemaker.metrics import METRIC_DEFINITIONS


@pytest.fixture
def trained_here(monkeypatch, capfd):
    """trained_here(base): exit code and printed lines of a training in this process."""
    before = signal.getsignal(signal.SIGTERM)

    def run(base: Path) -> tuple[int, list[str], list[str]]:
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
        capfd.readouterr()
        try:
            train.main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        out, errors = capfd.readouterr()
        return code, out.splitlines(), errors.splitlines()

    yield run
    signal.signal(signal.SIGTERM, before)


def scraped(text: str) -> dict[str, list[float]]:
    """What SageMaker finds in a log with the metric definitions."""
    return {each["Name"]: [float(v) for v in re.findall(each["Regex"], text)] for each in METRIC_DEFINITIONS}


def after(process: Popen, trial: int, number: signal.Signals) -> tuple[int, list[str]]:
    """Send a signal once so many trials are made; the exit code and the lines printed."""
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.endswith(f"trial={trial}\n"):
            process.send_signal(number)
    process.communicate()
    return process.returncode, lines


def test_what_is_printed_is_what_the_metric_definitions_scrape(trained):
    found = scraped((trained / "output.txt").read_text())
    about = json.loads((trained / "output" / "data" / "metrics.json").read_text())
    trials = [round(trial["ndcg"], 6) for trial in about["trials"]]
    assert found.pop("validation:ndcg_at_10") == trials and len(trials) > 20
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(found, 1)
    assert {name: round(value, 6) for name, value in about["metrics"].items()}.items() <= {
        name: value for name, (value,) in found.items()
    }.items()
    assert found["test:ndcg_at_10"][0] > 5 * found["test:popularity_ndcg_at_10"][0]
    lead = training.lead_over_popularity({name: value for name, (value,) in found.items()})
    assert 0 < lead.low < lead.mean < lead.high


def test_an_old_image_that_told_no_lead_is_to_be_built_again():
    with pytest.raises(DataError, match="the job reported no test:lead_low, test:lead_high: build its image again"):
        training.lead_over_popularity({"test:ndcg_at_10": 0.3, "test:popularity_ndcg_at_10": 0.1})


def test_killed_twice_it_ends_with_the_model_of_an_undisturbed_run(trained, tmp_path, trained_here):
    base = base_of(tmp_path / "ml", interactions(), threads=1)
    code, first = after(container_runs.start("train", base), 8, signal.SIGTERM)
    assert code == 143 and "SIGTERM: stopping, the checkpoint is kept" in first
    kept = len(json.loads((base / "checkpoints" / "training.json").read_text())["trials"])
    assert kept >= 8
    code, second = after(container_runs.start("train", base), kept + 8, signal.SIGKILL)
    assert code == -signal.SIGKILL and second[1].startswith(f"resuming: {kept} trials taken from ")
    assert f"trial={kept}" not in " ".join(second) and not (base / "model").exists()
    code, third, _ = trained_here(base)
    assert code == 0 and third[1].startswith("resuming: ")
    assert digests(base / "model") == digests(trained / "model")
    undisturbed, resumed = (
        json.loads((each / "output" / "data" / "metrics.json").read_text()) for each in (trained, base)
    )
    assert [trial["ndcg"] for trial in resumed["trials"]] == [trial["ndcg"] for trial in undisturbed["trials"]]
    assert resumed["metrics"] == undisturbed["metrics"]


def test_an_evaluation_that_was_done_is_not_done_again(trained, tmp_path, trained_here):
    base = tmp_path / "ml"
    shutil.copytree(trained, base, ignore=lambda *_: ["model", "output"])
    (base / "model" / ".recommender-half").mkdir(parents=True)
    code, lines, _ = trained_here(base)
    assert code == 0 and re.match(r"resuming: \d+ trials and the evaluation taken from ", lines[1])
    assert not [line for line in lines if "validation:" in line] and scraped("\n".join(lines))["test:ndcg_at_10"]
    assert digests(base / "model") == digests(trained / "model")


@pytest.mark.parametrize("text, told", [(None, "is of other data, hyperparameters or"), ("{", "is damaged")])
def test_a_checkpoint_of_something_else_is_told_and_left_aside(trained, tmp_path, trained_here, text, told):
    base = base_of(tmp_path / "ml", interactions(users=30), model="popularity")
    shutil.copytree(trained / "checkpoints", base / "checkpoints")
    if text:
        (base / "checkpoints" / "training.json").write_text(text)
    code, lines, _ = trained_here(base)
    assert code == 0 and told in lines[1] and lines[1].endswith("starting anew")
    assert json.loads((base / "checkpoints" / "training.json").read_text())["trials"] == []


WRONG = {
    "budget_seconds=soon": 'hyperparameter budget_seconds is "soon": it must be a number from 0 to 86400',
    "budget_seconds=nan": 'hyperparameter budget_seconds is "nan": it must be a number from 0 to 86400',
    "seed=1.5": 'hyperparameter seed is "1.5": it must be a whole number from 0 to 2147483647',
    "threads=0": 'hyperparameter threads is "0": it must be a whole number from 1 to 256',
    "goal=newst": 'hyperparameter goal is "newst": it must be one of next, newest, later',
    "modle=next-item": 'hyperparameter "modle" is not known, there are model, goal, seed, budget_seconds, threads; '
    'did you mean "model"?',
}


@pytest.mark.parametrize("asked", WRONG)
def test_a_hyperparameter_that_cannot_be_used_is_named_with_what_is_allowed(tmp_path, trained_here, asked):
    name, _, value = asked.partition("=")
    base = base_of(tmp_path / "ml", interactions(users=30), **{name: value})
    code, _, errors = trained_here(base)
    assert (code, (base / "output" / "failure").read_text(), errors) == (1, WRONG[asked], [WRONG[asked]])


ONE = pd.DataFrame({"USER_ID": ["u1"], "ITEM_ID": ["i1"], "TIMESTAMP": [1_700_000_000]})
UNUSABLE = {
    "a column is missing": (ONE.drop(columns="TIMESTAMP"), "no column TIMESTAMP; it has USER_ID, ITEM_ID"),
    "no rows": (ONE[:0], "interactions are empty: a model needs at least one event"),
    "no number": (ONE.assign(TIMESTAMP="yesterday"), "not one of this pipeline's tables: .*'yesterday'"),
    "an id is missing": (ONE.assign(USER_ID=""), "1 of 1 interactions have no USER_ID: drop or fill them first"),
    "one event": (ONE, "1 users, 0 of them with two events or more: cannot hold users out"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_data_that_cannot_be_used_end_it_with_a_sentence(tmp_path, trained_here, case):
    table, message = UNUSABLE[case]
    base = base_of(tmp_path / "ml", table)
    code, _, errors = trained_here(base)
    reason = (base / "output" / "failure").read_text()
    assert code == 1 and re.search(message, reason) and "\n" not in reason
    assert errors[-1] == reason and not (base / "model").exists()


def test_a_missing_channel_is_told_with_those_there_are(tmp_path):
    base = base_of(tmp_path / "ml", ONE, channel="train")
    process = container_runs.start("train", base)
    _, errors = process.communicate(timeout=60)
    columns = "USER_ID, ITEM_ID, TIMESTAMP"
    reason = f'no channel "interactions"; there is train: name one so, with CSV or Parquet files of {columns}'
    assert process.returncode == 1 and errors.splitlines()[-1] == (base / "output" / "failure").read_text() == reason


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("inputdataconfig.json", {"interactions": {"TrainingInputMode": "Pipe"}}, "comes in Pipe mode"),
        ("resourceconfig.json", {"hosts": ["algo-1", "algo-2"]}, "2 instances were asked for"),
    ],
)
def test_what_a_plain_training_cannot_do_is_refused(tmp_path, name, content, told):
    base = base_of(tmp_path / "ml", ONE)
    (base / "input" / "config" / name).write_text(json.dumps(content))
    with pytest.raises(DataError, match=told):
        channels.interactions(Paths(base))


def test_a_channel_may_hold_files_of_several_kinds_in_folders(tmp_path):
    base = base_of(tmp_path / "ml", ONE)
    folder = base / "input" / "data" / "interactions"
    (folder / "day=2").mkdir()
    ONE.assign(USER_ID="007").to_csv(folder / "day=2" / "more.csv.gz", index=False)
    ONE.assign(USER_ID=8, EXTRA=1).to_parquet(folder / "part-1.parquet")
    (folder / "_SUCCESS").touch()
    assert channels.interactions(Paths(base))["USER_ID"].tolist() == ["007", "u1", "8"]


def test_hidden_files_and_folders_are_no_training_data(tmp_path):
    base = base_of(tmp_path / "ml", ONE)
    for name in (".ipynb_checkpoints/part-0-checkpoint.csv", "day=2/.kept/part-1.csv", ".part-2.csv"):
        path = base / "input" / "data" / "interactions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ONE.to_csv(path, index=False)
    assert len(channels.interactions(Paths(base))) == len(ONE)


def test_a_channel_without_a_table_is_told_with_what_it_has(tmp_path):
    base = base_of(tmp_path / "ml", ONE[:0])
    folder = base / "input" / "data" / "interactions"
    (folder / "part-0.csv").rename(folder / "part-0.txt")
    with pytest.raises(DataError, match=r"no file that ends in \.csv, \.csv\.gz, \.parquet; it has part-0\.txt"):
        channels.interactions(Paths(base))
