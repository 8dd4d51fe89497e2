"""Programs as the developer guide writes them, run as on AWS with only the environment changed."""

import re
import runpy
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest
from personalize_shop import ROLE, consent, unique

PROGRAMS = Path(__file__).parent / "programs"
SAMPLE = Path(__file__).parents[2] / "data" / "sample"
LONGEST = 300  # seconds a program may take


@pytest.fixture(scope="module")
def bucket(embedded: Any) -> str:
    name = unique("programs")
    boto3.client("s3").create_bucket(Bucket=name)
    consent(boto3.client, name)
    return name


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop with three of ten visitors, those whom the programs name among them."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("items.csv", "users.csv"):
        shutil.copy(SAMPLE / name, folder)
    table = pd.read_csv(SAMPLE / "interactions.csv", dtype=str, keep_default_na=False)
    table[table["USER_ID"].str[-1].isin(["1", "2", "8"])].to_csv(folder / "interactions.csv", index=False)
    return folder


@pytest.fixture
def run(bucket: str, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Run a program, in this process; what it printed."""
    for name, value in {"BUCKET": bucket, "ROLE_ARN": ROLE, "DATA": str(data), "POLL_SECONDS": "0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(PROGRAMS)
    monkeypatch.delitem(sys.modules, "steps", raising=False)  # it reads the environment when it is imported

    def ended(*_: Any) -> None:
        raise TimeoutError(f"a program runs for {LONGEST} s")

    def ran(name: str) -> str:
        runpy.run_path(str(PROGRAMS / f"{name}.py"))
        return capsys.readouterr().out

    before = signal.signal(signal.SIGALRM, ended)
    signal.alarm(LONGEST)
    yield ran
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


def test_getting_started_ends_with_ten_scored_items(run: Any) -> None:
    first, *items = run("getting_started").splitlines()
    assert numbers(first)[1] > 0.01
    assert len(items) == 10


def test_domain_recommenders_answer_stop_and_start(run: Any) -> None:
    printed = run("domain_recommender")
    assert re.search(r"recommended-for-you \[('I\d+',? ?){5}\]", printed)
    _, _, *stopping, again = printed.splitlines()
    assert set(stopping) <= {"STOP PENDING", "STOP IN_PROGRESS"}  # who is slow sees neither
    assert again == "started again: 25 items"


def test_batch_answers_every_line_and_names_the_bad_one(run: Any) -> None:
    lines = run("batch_recommendations").splitlines()
    assert len(lines) == 5
    assert all(line.endswith("None") and line.count("'I0") == 5 for line in lines[:4])
    assert "Required fields for the provided recipe are userId" in lines[4]


def test_segments_name_ten_users_for_each_query(run: Any) -> None:
    lines = run("user_segments").splitlines()
    assert len(lines) == 3
    assert all(line.count("'U") == 10 for line in lines)


def test_promotions_give_three_places_of_ten_to_the_promoted_items(run: Any) -> None:
    places = [line.split()[1] for line in run("promotions").splitlines()]
    assert (len(places), places.count("coffee-week")) == (10, 3)


def test_attributed_metrics_reach_cloudwatch(run: Any) -> None:
    assert run("metric_attribution").endswith("in CloudWatch: ['revenue', 'views']\n")


def test_trending_items_come_without_a_user(run: Any) -> None:
    before, metrics = run("trending_now").splitlines()
    assert before.count("'I0") == 5
    assert "trend" in metrics


def test_a_new_column_can_be_filtered_by(run: Any) -> None:
    assert 400 < numbers(run("schema_update").splitlines()[-1])[0] <= 480


def test_the_context_of_a_request_changes_the_answer(run: Any) -> None:
    phone, desktop = (numbers(line)[0] for line in run("contextual").splitlines())
    assert desktop > phone


def test_an_objective_raises_the_mean_price(run: Any) -> None:
    off, high = (numbers(line) for line in run("objective").splitlines())
    assert high[0] > off[0]
    assert len(high) == 2
