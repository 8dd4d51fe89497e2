"""Tiny data sets and tasks of them."""

from argparse import Namespace
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.tuning import Task
from recsys.models import Sequences
from recsys.models.protocol import Split


@pytest.fixture
def task() -> Callable[..., Task]:
    """task(train=[[0, 1], [1]], histories=[[0]]) -> Task over the items 0 .. 3."""

    def build(train: list[list[int]], histories: list[list[int]] = (), drop: bool = False) -> Task:
        lengths = [len(codes) for codes in train]
        codes = np.concatenate([np.asarray(each, np.int32) for each in train])
        users, items = np.arange(len(train)).astype(str).astype(object), np.array(list("abcd"), object)
        seqs = Sequences(users, items, np.cumsum([0, *lengths]), codes, np.arange(len(codes)))
        shown = [np.asarray(each, np.int32) for each in histories]
        return Task(Split(seqs, shown, [np.array([0])] * len(shown)), "leave-last-out", drop, 0, 1)

    return build


@pytest.fixture
def options() -> Callable[..., Namespace]:
    """options(protocol="temporal") -> the command line's options."""

    def build(**changed: object) -> Namespace:
        return Namespace(**{"file": "FILE", "protocol": None, "seen": None, "seed": 0, "threads": 1, **changed})

    return build
