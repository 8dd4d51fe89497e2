"""A race of one request and a batch from its calls to its page."""

import json
import sys

import numpy as np
import pytest

from benchmarks import speed, speed_page
from benchmarks.speed_page import BATCH, ONE, OURS, READ, Row


def test_a_row_has_the_median_and_the_slowest_hundredth_of_its_calls():
    taken = {READ: np.full(101, 0.002), OURS: np.arange(101) / 1e4}
    read, ours = speed.lines(ONE, 10, taken, users=1, memory=0.004)
    assert (read.p50, read.p99, read.times_read, read.times_memory) == pytest.approx((2, 2, 1, 0.5))
    assert (ours.p50, ours.p99, ours.times_read, ours.calls) == pytest.approx((5, 9.9, 2.5, 101))
    assert ours.times_memory == pytest.approx(1.25)
    assert ours.users_per_second == pytest.approx(200)


def rows(ours_memory: float, ours_users: float) -> list[Row]:
    return [
        Row(ONE, 10_000, READ, 100, 1.0, 1.1, 1.0, 0.5, 1_000),
        Row(ONE, 10_000, OURS, 100, 2 * ours_memory, 9.0, 2 * ours_memory, ours_memory, 1_000),
        Row(BATCH, 10_000, OURS, 50, 2.0, 2.1, None, None, ours_users),
        Row(BATCH, 10_000, "faiss", 50, 2.0, 2.1, None, None, 1_000),
        Row(BATCH, 10_000, "implicit", 50, 2.0, 2.1, None, None, 500),
    ]


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (rows(1.4, 2_000), ["within 1.5 times memory's time", "ahead of faiss, 2.00 times its users/s"]),
        (rows(1.6, 900), ["beyond 1.5 times memory's time", "behind faiss, 0.90 times its users/s"]),
    ],
)
def test_the_page_says_where_ours_is_within_the_limit_and_ahead(measured, said):
    page = speed_page.page("a machine, 1 thread", ["implicit"], measured)
    assert all(words in page for words in said)
    assert "Measured on a machine" in page and "left out: implicit" in page and "| 9.000 |" in page


def test_one_thread_is_told_in_the_singular():
    assert ", 1 thread, " in speed.setting(1) and ", 2 threads, " in speed.setting(2)


def test_a_race_becomes_the_speed_page(tmp_path, monkeypatch, capsys):
    found, folder = tmp_path / "speed.json", tmp_path / "docs"
    run = ["speed", "--items", "2000", "--users", "70", "--seconds", "0.05"]
    monkeypatch.setattr(sys, "argv", [*run, "--json", str(found), "--folder", str(folder)])
    speed.main()
    assert "p99" in capsys.readouterr().out
    assert {row["task"] for row in json.loads(found.read_text())["rows"]} == {
        "factors, one request",
        "factors, batch",
        "next item",
        "next item, batch",
    }
    page, drawn = ((folder / name).read_bytes() for name in ("speed.md", "speed.svg"))
    monkeypatch.setattr(sys, "argv", ["speed", "--read", str(found), "--folder", str(folder)])
    speed.main()
    assert (folder / "speed.md").read_bytes() == page and (folder / "speed.svg").read_bytes() == drawn
