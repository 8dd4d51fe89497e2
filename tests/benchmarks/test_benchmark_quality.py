"""The comparison from a file to its page, and the rules that are the same for all models."""

import json
import sys

import pandas as pd
import pytest

from benchmarks import quality, report
from benchmarks.beyond import Catalogue
from benchmarks.files import Source, read
from recsys.errors import DataError

MODELS = "popularity, own frequency, EASE, next item"


@pytest.fixture
def regulars(tmp_path):
    """A file of 60 users who come back to their favourite at every second visit."""
    lines = ["user_id,item_id,timestamp"]
    for user in range(60):
        for step in range(12):
            item = f"f{user % 9}" if step % 2 else f"i{(user * 7 + step * step) % 20}"
            lines.append(f"u{user},{item},{1_600_000_000 + 100 * user + step}")
    path = tmp_path / "regulars.csv"
    path.write_text("\n".join(lines))
    return path


def events(*rows):
    return pd.DataFrame([(*row, at) for at, row in enumerate(rows)], columns=["USER_ID", "ITEM_ID", "TIMESTAMP"])


ONCE = events(("u", "a"), ("v", "b"), ("u", "b"), ("v", "a"), ("w", "a"), ("w", "c"))
AGAIN = events(("u", "a"), ("v", "b"), ("u", "a"), ("v", "a"), ("v", "b"))


@pytest.mark.parametrize(
    ("table", "protocol", "seen", "drop"),
    [
        (ONCE, "leave-last-out", None, True),
        (AGAIN, "leave-last-out", None, False),
        (ONCE, "temporal", None, True),
        (ONCE, "personalize", None, False),
        (ONCE, "leave-last-out", "keep", False),
        (AGAIN, "personalize", "drop", True),
    ],
)
def test_seen_items_are_dropped_where_data_does_not_repeat_or_as_told(options, table, protocol, seen, drop):
    assert quality.task_of(Source("x", table), options(protocol=protocol, seen=seen)).drop is drop


def test_a_split_that_came_with_the_data_is_the_protocol(options):
    task = quality.task_of(Source("x", ONCE, events(("u", "c")), timed=False), options())
    assert task.protocol == "given" and len(task.split.targets) == 1


@pytest.mark.parametrize(
    ("source", "protocol", "message"),
    [
        (Source("x", ONCE), "given", "a folder with train.txt and test.txt"),
        (Source("x", ONCE, ONCE), "leave-last-out", "a folder with train.txt and test.txt"),
        (Source("x", ONCE, timed=False), "temporal", "no times to cut at"),
    ],
)
def test_a_protocol_that_the_data_cannot_have_is_refused(options, source, protocol, message):
    with pytest.raises(DataError, match=message):
        quality.task_of(source, options(protocol=protocol))


def run(module, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
    module.main()


def test_a_file_of_events_becomes_the_quality_page(regulars, tmp_path, monkeypatch, capsys):
    found = tmp_path / "found.json"
    run(quality, monkeypatch, regulars, "--models", MODELS, "--json", found, "--threads", 1)
    assert "seen items are kept for all models" in capsys.readouterr().out
    results = {result["name"]: result for result in json.loads(found.read_text())["results"]}
    assert list(results) == ["popularity", "own frequency", "EASE", "next item"]
    mean, low, high = results["next item"]["metrics"]["NDCG@10"]
    assert low <= mean <= high and mean > results["popularity"]["metrics"]["NDCG@10"][0]
    run(report, monkeypatch, found, "--folder", tmp_path / "docs")
    page = (tmp_path / "docs" / "quality.md").read_text()
    assert "## regulars" in page and f"| {mean:.4f} [{low:.4f}, {high:.4f}] |" in page
    drawn = (tmp_path / "docs" / "quality.svg").read_bytes()
    run(report, monkeypatch, found, "--folder", tmp_path / "docs")
    assert (tmp_path / "docs" / "quality.svg").read_bytes() == drawn


def test_a_model_that_fails_leaves_the_others(regulars, monkeypatch, capsys, options):
    def fail(task):
        raise MemoryError("too large")

    monkeypatch.setitem(quality.ALL, "EASE", fail)
    task = quality.task_of(read(regulars), options())
    catalogue = Catalogue.of(task.split.train)
    assert [result.name for result in quality.measured_all(["EASE", "popularity"], task, catalogue)] == ["popularity"]
    assert "EASE failed: MemoryError: too large" in capsys.readouterr().out


@pytest.mark.parametrize(("module", "message"), [(quality, "no such file"), (report, "no results; write them with")])
def test_what_is_not_there_is_one_line_of_error(module, message, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=message):
        run(module, monkeypatch, tmp_path / "nothing.json")


def test_a_model_nobody_knows_is_refused_with_those_there_are(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(quality, monkeypatch, "FILE", "--models", "EASY")
    assert "'EASY' is no model; choose some of: random," in capsys.readouterr().err
