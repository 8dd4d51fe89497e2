"""Work in a forked process: its answer, its failure and its own peak memory."""

import os

import numpy as np
import pytest

from benchmarks.children import ChildFailed, in_child


def fail():
    raise ValueError("no such thing")


def test_the_answer_comes_back_and_nothing_else_changes_here():
    here = []
    answer, _ = in_child(lambda: here.append(1) or np.arange(3))
    assert answer.tolist() == [0, 1, 2] and here == []


def test_the_peak_is_of_the_child_also_when_the_memory_was_given_back():
    _, idle = in_child(lambda: None)
    _, busy = in_child(lambda: float(np.ones(25_000_000).sum()))  # 200 MB for a moment
    _, after = in_child(lambda: None)
    assert 150 < busy - idle < 300 and abs(after - idle) < 50


@pytest.mark.parametrize(
    ("work", "message"),
    [(fail, "ValueError: no such thing"), (lambda: os._exit(9), r"exit code 9\); too little memory")],
)
def test_a_failure_is_said_in_words(work, message, capfd):
    with pytest.raises(ChildFailed, match=message):
        in_child(work)
