"""How a model is put to the test: who is held out, what it is shown and what it must find.

    >>> import pandas as pd
    >>> from recsys.metrics import bootstrap, ndcg_at
    >>> from recsys.models import ItemSimilarity, Popularity
    >>> rows = [(user, f"{user % 2}-{(user + step) % 8}", step) for user in range(60) for step in range(6)]
    >>> split = leave_last_out(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))
    >>> split
    Split(Sequences(60 users, 16 items, 300 events), 60 queries)
    >>> ndcg = {}
    >>> for kind in (Popularity, ItemSimilarity):
    ...     codes, scores = kind.fit(split.train).recommend(split.histories, k=10, exclude_seen=True)
    ...     ndcg[kind] = ndcg_at(codes, split.targets, 10)  # one value per query
    >>> print(bootstrap(ndcg[ItemSimilarity]))  # the mean and its 95 % interval
    0.5655 [0.5480, 0.5829]
    >>> print(bootstrap(ndcg[ItemSimilarity] - ndcg[Popularity]).signed())  # what is better by more than chance
    +0.291 (+0.267 to +0.316)

Every protocol takes interactions as a table or as Sequences; `given_split` takes two of either, a split of your own.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from recsys.errors import ModelError
from recsys.models.sequences import Interactions, Sequences, sequences_of

HELD_OUT = 0.1  # of the users, and of each one's events


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A model is fitted on `train`, shown `histories[q]` and scored on `targets[q]`, for each of n queries.

    All codes are in `train.item_ids`, the catalogue of the whole data set: an item that only held-out users touched
    is there too, without a training event, and counts as missed. A model that is fitted on anything else has other
    codes. `weights[q]` are those of the targets, as long as `targets[q]`; None where all events weigh alike. A history
    may be empty where the protocol says so.
    """

    train: Sequences
    histories: list[np.ndarray]
    targets: list[np.ndarray]
    weights: list[np.ndarray] | None = None

    def __repr__(self) -> str:
        return f"Split({self.train}, {len(self.targets):,} queries)"


def personalize_split(interactions: Interactions, seed: int = 0) -> Split:
    """Amazon Personalize's protocol: a tenth of the users is unseen in training; their newest tenth is the target.

    Test users are drawn among those with two events or more. Each one's newest tenth of events, rounded down
    but at least one, is the target and the older ones are the model's input. AWS does not say how it rounds.

    Raises ModelError with fewer than two users, or no user with two events.
    """
    seqs = sequences_of(interactions)
    able = np.flatnonzero(seqs.lengths >= 2)
    if len(able) == 0 or seqs.n_users < 2:
        raise ModelError(
            f"{seqs.n_users} users, {len(able)} of them with two events or more: cannot hold users out; "
            "at least two users, one with two events, are needed"
        )
    n_test = min(len(able), max(1, round(seqs.n_users * HELD_OUT)), seqs.n_users - 1)
    test = np.sort(np.random.default_rng(seed).choice(able, n_test, replace=False))
    train = np.setdiff1d(np.arange(seqs.n_users), test)
    return cut_newest(seqs.select(train), seqs.select(test), HELD_OUT)


def cut_newest(train: Sequences, test: Sequences, share: float) -> Split:
    """Each test user's older events and newest `share` of them, rounded down but at least one."""
    newest = np.maximum(1, (test.lengths * share).astype(np.int64))
    left = np.repeat(test.lengths, test.lengths) - test.positions  # events of the user from this one on
    held = left <= np.repeat(newest, test.lengths)
    older, newer = test.keep_events(~held), test.keep_events(held)
    return Split(train, older.histories(), newer.histories(), newer.weights_by_user())


def leave_last_out(interactions: Interactions, users: np.ndarray | None = None) -> Split:
    """Each user's last event is the target and all others are both training data and input; the usual academic split.

    users: indices of those who are tested, each with two events; all who can be without it. Raises ModelError when no
    user has two events.
    """
    seqs = sequences_of(interactions)
    able = np.flatnonzero(seqs.lengths >= 2) if users is None else users
    if len(able) == 0:
        raise ModelError("no user has two events: there is no last event to leave out")
    last = seqs.offsets[1:][able] - 1
    train = seqs.keep_events(~np.isin(np.arange(seqs.n_events), last))
    weights = None if seqs.weights is None else list(seqs.weights[last, None])
    return Split(train, [train.history(u) for u in able], list(seqs.codes[last, None]), weights)


def newest_fifth(interactions: Interactions) -> Split:
    """Amazon Personalize's protocol for user segments: 80 % of each user's events are training data and input, the
    newest 20 % the target.

    The fifth is rounded down but at least one event; a user with a single event has no target. AWS does not say how it
    rounds. `histories` and `targets` are in the order of `train.user_ids`.
    """
    seqs = sequences_of(interactions)
    newest = np.minimum(np.maximum(1, seqs.lengths // 5), seqs.lengths - 1)
    left = np.repeat(seqs.lengths, seqs.lengths) - seqs.positions  # events of the user from this one on
    held = left <= newest[seqs.users]
    train, targets = seqs.keep_events(~held), seqs.keep_events(held)
    return Split(train, train.histories(), targets.histories(), targets.weights_by_user())


def temporal_split(
    interactions: Interactions, cut: float | datetime | None = None, share: float = 0.1, newcomers: bool = False
) -> Split:
    """One cut in time for everybody: events before `cut` are training data and input, each user's later ones targets.

    cut: epoch seconds or a datetime, in UTC without a zone; None puts it where the newest `share` of all events begin,
    and events of one second stay together. A user without an event before the cut is left out, or tested with an empty
    history where `newcomers`; one without an event after it only trains. Nothing is learned from the future, which
    leaving the last event of each user out allows: Ji et al., A critical study on data leakage, ACM TOIS 41(3), 2023.

    Raises ModelError when no event lies before the cut or no user is left to test, and for a share outside 0 to 1.
    """
    seqs = sequences_of(interactions)
    if not 0 <= share <= 1:
        raise ModelError(f"a share of {share} of the events cannot be the newest: give one from 0 to 1")
    if cut is None:
        cut = int(np.quantile(seqs.times, 1 - share, method="higher"))
    elif not isinstance(cut, int | float | np.number):
        cut = _seconds(cut)
    later = seqs.times >= cut
    past, future = seqs.keep_events(~later), seqs.keep_events(later)
    tested = np.flatnonzero((future.lengths > 0) & ((past.lengths > 0) | newcomers))
    if past.n_events == 0 or len(tested) == 0:
        raise ModelError(
            f"a cut at {cut} leaves {past.n_events:,} events before it and {len(tested):,} users to test: "
            f"the events are from {seqs.times.min()} to {seqs.times.max()}, cut between"
        )
    shown, wanted = past.select(tested), future.select(tested)
    train = past.select(np.flatnonzero(past.lengths))
    return Split(train, shown.histories(), wanted.histories(), wanted.weights_by_user())


def given_split(train: Interactions, test: Interactions) -> Split:
    """A split of one's own: all of `train` is training data and input, each user of `test` with an event a query.

    Both are tables, or both Sequences of one catalogue. A user of `test` who is not in `train` has an empty history.

    Raises ModelError where a table cannot be used, and for Sequences of two catalogues.
    """
    known = sequences_of(train, sequences_of(test).item_ids)
    wanted = sequences_of(test, known.item_ids)
    if not np.array_equal(known.item_ids, wanted.item_ids):
        raise ModelError("these are Sequences of two catalogues, whose codes differ: give tables, or parts of one")
    wanted = wanted.select(np.flatnonzero(wanted.lengths))
    of_user = dict(zip(known.user_ids, known.histories(), strict=True))
    nothing = np.empty(0, known.codes.dtype)
    histories = [of_user.get(user, nothing) for user in wanted.user_ids]
    return Split(known, histories, wanted.histories(), wanted.weights_by_user())


def _seconds(moment: Any) -> float:
    import pandas as pd

    return pd.to_datetime(moment, utc=True).timestamp()
