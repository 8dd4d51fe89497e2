"""Tiny data sets whose right answers can be seen."""

from collections.abc import Callable

import pandas as pd
import pytest

from recsys.models import Sequences


@pytest.fixture
def table() -> Callable[..., pd.DataFrame]:
    """table(u1="a b c", u2="b c") -> interactions, one second apart, in the order written."""

    def build(**histories: str) -> pd.DataFrame:
        rows = [(user, item, 1000 + at) for user, items in histories.items() for at, item in enumerate(items.split())]
        return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"])

    return build


@pytest.fixture
def sequences(table: Callable[..., pd.DataFrame]) -> Callable[..., Sequences]:
    """sequences(u1="a b c") -> Sequences of the same."""
    return lambda **histories: Sequences.from_interactions(table(**histories))


@pytest.fixture
def ring(sequences: Callable[..., Sequences]) -> Sequences:
    """80 users who walk six steps round the items 0..7: the next item is always the last plus one."""
    walks = {f"u{u}": " ".join(str((u + step) % 8) for step in range(6)) for u in range(80)}
    return sequences(**walks)


@pytest.fixture
def regulars(sequences: Callable[..., Sequences]) -> Sequences:
    """90 users with one favourite each, bought at every second visit between items of no pattern."""
    histories = {}
    for user in range(90):
        others = [str((user * 7 + step * step * 5 + step) % 30) for step in range(8)]
        histories[f"u{user}"] = " ".join(f"{other} f{user % 30}" for other in others)
    return sequences(**histories)
