"""What is added to the regression's scores: own habits, popularity where little is known, and what items are worth."""

from collections.abc import Sequence

import numpy as np

from recsys.models.next_item.features import own_share
from recsys.models.next_item.settings import Settings

HAD = np.float32(1000)  # taken off what is not to be recommended again: below everything else, and still in its order
NOTHING = np.empty(0, np.int64)
FLOOR = 1e-6  # weight of popularity where none was chosen: it orders what the history says nothing about


class Blend:
    """Adds to the scores of a batch what the regression does not know.

    own_weight * own shares + popularity_weight * popularity / (1 + length) + twin_weight * log(popularity); where
    people do not repeat, what they had comes last.

    popularity: (n_items,) users of each item. An empty history scores temperature * log(popularity), so that its
    softmax is popularity's own distribution, items without users counting a tenth of one. reward: (n_items,) float32
    logarithms of what items are worth, by which their probabilities are multiplied; None: all are worth the same.
    """

    def __init__(self, popularity: np.ndarray, temperature: float = 1.0, reward: np.ndarray | None = None) -> None:
        self.reward = None if reward is None else np.float32(temperature) * np.asarray(reward, np.float32)
        total = max(1.0, float(popularity.sum()))
        self.share = (popularity / total).astype(np.float32)
        self.log_share = np.log(self.share + np.float32(0.1 / total))
        self.empty = np.float32(temperature) * self.log_share

    def add(self, scores: np.ndarray, histories: Sequence[np.ndarray], settings: Settings) -> np.ndarray:
        """Final scores (n, n_items) float32 from the regression's, which are changed in place."""
        lengths = np.array([len(h) for h in histories], np.int64)
        weight = max(settings.popularity_weight, FLOOR) / (1 + lengths)
        scores += weight[:, None].astype(np.float32) * self.share
        if settings.twin_weight:
            scores += np.float32(settings.twin_weight) * self.log_share
        if settings.own_weight:
            own = own_share(histories, settings.own_decay)
            np.add.at(scores, (own.rows, own.codes), np.float32(settings.own_weight) * own.values)
        scores[lengths == 0] = self.empty
        if self.reward is not None:
            scores += self.reward
        if not settings.seen:
            scores[np.repeat(np.arange(len(histories)), lengths), np.concatenate([NOTHING, *histories])] -= HAD
        return scores
