"""A list of items in the order of a user's interest.

Scores are the softmax over the listed items that were in the training. The others come last without a score, as AWS
returns them, though new ones whose metadata the user likes come before those that nothing is known about.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsys.local.personalize.serving.deployment import Deployment
from recsys.local.personalize.serving.engines import Asked
from recsys.local.personalize.serving.softmax import Softmax


def rank(deployment: Deployment, asked: Asked, items: Sequence[str], mask: np.ndarray | None) -> list[dict[str, Any]]:
    """The personalizedRanking of an answer.

    mask (n+1,): what the request's filter lets through, at last of items that no dataset has; None for everything.
    """
    catalogue = deployment.catalogue
    codes = np.array([catalogue.code_of.get(item, -1) for item in items], np.int64)
    scores = deployment.engine.scores(asked)
    value = np.append(scores, -np.inf)[codes]  # -1: of an item that is not in the catalogue
    trained = (codes >= 0) & (codes < catalogue.known)
    order = np.lexsort((-value, ~trained))
    if mask is not None:
        order = order[mask[codes[order]]]
    scored = order[trained[order]]
    entries: list[dict[str, Any]] = [{"itemId": items[place]} for place in order.tolist()]
    if len(scored):
        listed = value[scored]
        share = Softmax(listed, deployment.artefacts.model.temperature).at(np.arange(len(listed)))
        for entry, score in zip(entries, share.tolist(), strict=False):
            entry["score"] = score
    return entries
