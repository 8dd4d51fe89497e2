"""Cleaning as a list of named rules, each of which says how many rows it met and what was done about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.columns import EVENT_VALUE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.data.tables import broken_ids

EXAMPLES = 3
LONGEST_ID = 256  # Personalize's limit


@dataclass(frozen=True)
class Problem:
    """One kind of dirt: in which table, how many rows have it, a few of them, and what was done."""

    table: str
    problem: str
    rows: int
    of: int
    action: str
    examples: tuple[str, ...] = ()
    removed: int = 0

    @property
    def share(self) -> float:
        return self.rows / self.of if self.of else 0.0


@dataclass(frozen=True)
class Rule:
    """Finds the rows that have a problem; `action` removed drops them, any other only reports.

    `finds` maps a frame to a boolean Series; `shows` are the columns that make an example readable.
    """

    problem: str
    finds: Callable[[pd.DataFrame], pd.Series]
    shows: tuple[str, ...]
    action: str = "removed"


def clean(events: pd.DataFrame, rules: Sequence[Rule]) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows no rule removes, in their order, and one Problem per rule, also where it found nothing.

    Every rule sees the raw table, so its count does not depend on the others; `removed` counts each row only once, for
    the first rule that takes it.
    """
    keep, problems = np.ones(len(events), dtype=bool), []
    for rule in rules:
        found = rule.finds(events).to_numpy(dtype=bool)
        taken = found & keep if rule.action == "removed" else np.zeros_like(found)
        keep &= ~taken
        problems.append(
            Problem(
                "interactions",
                rule.problem,
                int(found.sum()),
                len(events),
                rule.action,
                examples(events[found], rule.shows),
                int(taken.sum()),
            )
        )
    return events[keep].reset_index(drop=True), problems


def examples(rows: pd.DataFrame, shows: Sequence[str]) -> tuple[str, ...]:
    """A few rows as text, such as `C536379 / D`."""
    few = rows[list(shows)].head(EXAMPLES)
    return tuple(
        " / ".join("(none)" if pd.isna(value) else str(value) for value in row) for row in few.itertuples(index=False)
    )


def rules(now: int, max_events_per_user: int | None = None) -> list[Rule]:
    """What every source is cleaned of; `now` in epoch seconds. Needs USER_ID, ITEM_ID, TIMESTAMP and EVENT_VALUE."""
    shown = (USER_ID, ITEM_ID, TIMESTAMP)
    found = [
        Rule("no user", lambda events: events[USER_ID].isna(), (ITEM_ID, TIMESTAMP)),
        Rule("no item", lambda events: events[ITEM_ID].isna(), (USER_ID, TIMESTAMP)),
        Rule("no readable time", lambda events: events[TIMESTAMP].isna(), (USER_ID, ITEM_ID)),
        Rule("time in the future", lambda events: (events[TIMESTAMP] > now + 86_400).fillna(False), shown),
        Rule(f"id longer than {LONGEST_ID} characters", _long_ids, (USER_ID, ITEM_ID)),
        Rule("id with a line break", _broken_ids, (USER_ID, ITEM_ID)),
        Rule("exact duplicate", lambda events: events.duplicated(), shown),
        Rule("infinite event value", lambda events: np.isinf(events[EVENT_VALUE]), (*shown, EVENT_VALUE), "repaired"),
    ]
    if max_events_per_user:
        too_many = f"user with more than {max_events_per_user:,} events"
        found.append(Rule(too_many, lambda events: _events_of_user(events) > max_events_per_user, (USER_ID,)))
    return found


def merge_lines(events: pd.DataFrame, key: Sequence[str]) -> tuple[pd.DataFrame, Problem]:
    """One row per `key`, the first one's columns, with its event values summed; and how many rows that merged."""
    again = events.duplicated(list(key))
    total = events.groupby(list(key), sort=False, observed=True)[EVENT_VALUE].transform("sum")
    merged = events.assign(**{EVENT_VALUE: total})[~again].reset_index(drop=True)
    shown = examples(events[again], (USER_ID, ITEM_ID, TIMESTAMP))
    problem = Problem(
        "interactions", "same item again in one order", int(again.sum()), len(events), "merged", shown, int(again.sum())
    )
    return merged, problem


def _long_ids(events: pd.DataFrame) -> pd.Series:
    return (events[USER_ID].str.len() > LONGEST_ID) | (events[ITEM_ID].str.len() > LONGEST_ID)


def _broken_ids(events: pd.DataFrame) -> pd.Series:
    return broken_ids(events[USER_ID]) | broken_ids(events[ITEM_ID])


def _events_of_user(events: pd.DataFrame) -> pd.Series:
    return events[USER_ID].map(events[USER_ID].value_counts()).fillna(0)
