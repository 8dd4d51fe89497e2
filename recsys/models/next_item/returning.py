"""A second model for whoever comes back.

In the middle of a visit people look for what goes with what they have just touched; weeks later for what they always
take, and for what is wanted now. No settings serve both: NDCG@10 of what customers of Online Retail bought in the weeks
after is .22 with settings chosen for a visit and .38 with settings chosen for those weeks (`benchmarks.quality`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.models.next_item.model import NextItem, blas_threads
from recsys.models.next_item.search import OnTrial
from recsys.models.next_item.settings import Settings
from recsys.models.next_item.tuning import tune
from recsys.models.sequences import Sequences

VISIT_SECONDS = 1800.0  # without an event, after which a visit is over: the half hour of web analytics
WORTH_A_MODEL = 1.1  # times the NDCG@10 of the visit's settings: less is not worth the memory


def fit_returning(
    seqs: Sequences,
    visit: Settings,
    seed: int = 0,
    threads: int = 2,
    report: OnTrial | None = None,
    budget: float = 40.0,
    held: Mapping[str, Any] | None = None,
    reward: np.ndarray | None = None,
    measured: Sequence[dict[str, Any]] = (),
) -> NextItem | None:
    """The model for who has not been seen for a while; None where that with the settings `visit` does as well.

    Both are held against what known users did in the newest tenth of the events, told only what came before. held:
    settings that are not to be chosen. The others are those of NextItem.fit, whose goal is `later` here.
    """
    rival = visit.with_(twin_weight=0.0, transformer_weight=None)
    candidates = [held or {}, rival.as_dict() | {"decays": rival.decays}]
    with blas_threads(seqs, threads):
        tuned = tune(
            seqs, seed, report, budget, candidates=candidates, goal="later", threads=threads, measured=measured
        )
    if not tuned.trials or not _better(tuned.trials, tuned.settings, rival):
        return None
    return NextItem.tuned(seqs, tuned, threads, reward)


def _better(trials: Sequence[dict[str, Any]], best: Settings, rival: Settings) -> bool:
    """By more than chance finds: two standard errors of the NDCG@10, at most, of so many users."""
    found = {Settings.from_dict(trial["settings"]): trial["ndcg"] for trial in trials}
    mean = found[best]
    error = (mean * (1 - mean) / trials[-1]["users"]) ** 0.5  # of values from 0 to 1 with that mean
    return mean >= WORTH_A_MODEL * found[rival] and mean >= found[rival] + 2 * error
