"""The quality report, and the least that Amazon Personalize trains on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from recsys.columns import EVENT_TYPE, ITEM_ID, USER_ID
from recsys.data.clean import Problem
from recsys.errors import DataError

LEAST_INTERACTIONS = 1_000  # per import, and after filtering by event type
LEAST_USERS = 25  # with at least two interactions each
LEAST_SHARE = 0.01  # of all users, with at least two interactions each
HEAVIEST, MUCH = 0.01, 0.25  # share of the users, and of all events that they may have without a word


@dataclass(frozen=True)
class QualityReport:
    """What was found in the raw tables and what was done about it; `rows` raw interactions, `kept` of them left."""

    source: str
    rows: int
    kept: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self, all_checks: bool = False) -> pd.DataFrame:
        """One row per problem found, most frequent first: table, problem, rows, share, action, removed, examples.

        With `all_checks`, also those that found nothing. A row may have several problems; `removed` counts it once.
        """
        shown = [problem for problem in self.problems if problem.rows or all_checks]
        shown.sort(key=lambda problem: -problem.rows)
        rows = [
            (each.table, each.problem, each.rows, each.share, each.action, each.removed, ", ".join(each.examples))
            for each in shown
        ]
        return pd.DataFrame(rows, columns=["table", "problem", "rows", "share", "action", "removed", "examples"])

    def __str__(self) -> str:
        found = [
            f"  {each.rows:>9,}  {each.share:6.2%}  {each.problem} ({each.table}): {each.action}"
            + (f"; such as {', '.join(each.examples)}" if each.examples else "")
            for each in sorted(self.problems, key=lambda problem: -problem.rows)
            if each.rows
        ]
        head = f"{self.source}: {self.rows:,} raw interactions, {self.kept:,} kept; {len(self.problems)} checks"
        return "\n".join([head, *(found or ["  no problem found"]), *(f"  note: {note}" for note in self.notes)])


def event_types(interactions: pd.DataFrame, purchases: Sequence[str]) -> list[str]:
    """What the report notes of event types: how many events each has, and if none of them means bought."""
    counts = interactions[EVENT_TYPE].value_counts()
    purchases = [kind.lower() for kind in purchases]
    notes = [f"event types: {', '.join(f'{kind} {count:,}' for kind, count in counts.items())}"]
    if not counts.index.isin(purchases).any():
        notes.append(
            f"no event is a {' or '.join(purchases)}: excludePurchased leaves nothing out until "
            "serving.purchase_events names the types that mean bought"
        )
    return notes


def heavy_users(interactions: pd.DataFrame) -> list[str]:
    """What the report notes where the most active 1 % of the users made more than a quarter of the events."""
    counts = interactions[USER_ID].value_counts()
    heaviest = counts.head(math.ceil(HEAVIEST * len(counts)))
    share = heaviest.sum() / counts.sum()
    if share <= MUCH:
        return []
    who, most = f"most active of {len(counts):,} users made {share:.0%} of the events", f"{heaviest.iloc[0]:,}"
    if len(heaviest) == 1:
        told, ask = f"the {who}, {most} in all", "is this a person?"
    else:
        told, ask = f"the {len(heaviest):,} {who}, up to {most} each", "are they people?"
    usual = f"where the median user has {counts.median():,.0f}"
    return [f"{told}, {usual}: {ask} data.max_events_per_user leaves out who has more"]


def require_minimums(interactions: pd.DataFrame, where: str, problems: Sequence[Problem] = ()) -> None:
    """Raises DataError, with what is there and what is needed, when Personalize would refuse to train on these.

    `problems` are what cleaning met; the message names what it removed.
    """
    if len(interactions) < LEAST_INTERACTIONS:
        removed = ", ".join(f"{each.problem} {each.removed:,}" for each in problems if each.removed)
        raise DataError(
            f"{where}: {len(interactions):,} interactions, Personalize needs at least {LEAST_INTERACTIONS:,}; "
            f"{f'removed were: {removed}; ' if removed else ''}add more data"
        )
    if (items := interactions[ITEM_ID].unique()).size == 1:
        raise DataError(
            f"{where}: every interaction is with {items[0]!r}, and one item leaves nothing to recommend: "
            "is ITEM_ID mapped to the right column?"
        )
    counts = interactions[USER_ID].value_counts()
    repeated = int((counts >= 2).sum())
    if repeated < LEAST_USERS:
        raise DataError(
            f"{where}: {repeated:,} users have at least 2 interactions; "
            f"Personalize needs at least {LEAST_USERS}: is USER_ID mapped to the right column?"
        )
    if repeated < LEAST_SHARE * len(counts):
        raise DataError(
            f"{where}: {repeated:,} of {len(counts):,} users have at least 2 interactions; "
            f"Personalize needs {LEAST_SHARE:.0%} of all users: is USER_ID a visitor, not a visit?"
        )
