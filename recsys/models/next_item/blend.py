"""What the regression does not know: habits, popularity where little is known, trends, other models, worth of items.

Models of another kind are pooled with it by their logarithms, so that each can rule out what another finds likely:
opinions multiplied, as in Genest and Zidek (Statistical Science 1, 1986). Their weighted sum instead had an NDCG@10 of
.192 where this has .194, on held-out users of MovieLens-1M with the softmax twin.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from recsys.models.next_item.features import own_share
from recsys.models.next_item.settings import Settings
from recsys.models.sequences import Sequences

HAD = np.float32(1000)  # taken off what is not to be recommended again: below everything else, and still in its order
NOTHING = np.empty(0, np.int64)
RECENT = 0.05  # of all events, the newest
USUAL = 5.0  # events that an item is given on both sides: a single sale is no trend
FLOOR = 1e-6  # weight of popularity where none was chosen: it orders what the history says nothing about
UNLIKELY = np.float32(0.002)  # chance below which the regression only says that it is small
USUAL_ORDER = np.float32(0.001)  # weight of popularity in a pool, which can tell little apart of what is unlikely
ALONE: Mapping[str, np.ndarray] = MappingProxyType({})


class Blend:
    """Adds to the scores of a batch what the regression does not know.

        s = (regression + own_weight * own shares + popularity_weight * popularity / (1 + length)) * demand ^ trend
        score = log(max(s, 0) + UNLIKELY) + sum of each model's weight * its logarithms + USUAL_ORDER * log(popularity)

    The second line is for where other models stand beside the regression, its last term for where the twin does not.
    What is not above 0 has no trend; where people do not repeat, what they had comes last.

    popularity: (n_items,) users of each item. An empty history scores temperature * log(popularity), so that its
    softmax is popularity's own distribution, items without users counting a tenth of one. reward: (n_items,) float32
    logarithms of what items are worth, by which their probabilities are multiplied; None: all are worth the same.
    recent_demand: (n_items,) float32 demand, how much more than usual an item is wanted; None: not known, no trend.
    """

    def __init__(
        self,
        popularity: np.ndarray,
        temperature: float = 1.0,
        reward: np.ndarray | None = None,
        recent_demand: np.ndarray | None = None,
    ) -> None:
        self.log_recent_demand = None if recent_demand is None else np.log(recent_demand)
        self.temperature = np.float32(temperature)
        self._trend = 0.0, np.float32(1)  # the power last asked for, and the factors
        self.reward = None if reward is None else np.float32(temperature) * np.asarray(reward, np.float32)
        total = max(1.0, float(popularity.sum()))
        self.share = (popularity / total).astype(np.float32)
        self.log_share = np.log(self.share + np.float32(0.1 / total))
        self.empty = np.float32(temperature) * self.log_share

    def add(
        self,
        scores: np.ndarray,
        histories: Sequence[np.ndarray],
        settings: Settings,
        beside: Mapping[str, np.ndarray] = ALONE,
    ) -> np.ndarray:
        """Final scores (n, n_items) float32 from the regression's, which are changed in place.

        beside: (n, n_items) float32 logarithms of other models, each by the setting that is its weight.
        """
        lengths = np.array([len(h) for h in histories], np.int64)
        weight = max(settings.popularity_weight, FLOOR) / (1 + lengths)
        scores += weight[:, None].astype(np.float32) * self.share
        if settings.own_weight:
            own = own_share(histories, settings.own_decay)
            np.add.at(scores, (own.rows, own.codes), np.float32(settings.own_weight) * own.values)
        if settings.trend and self.log_recent_demand is not None:
            if self._trend[0] != settings.trend:
                self._trend = settings.trend, np.exp(np.float32(settings.trend) * self.log_recent_demand)
            np.multiply(scores, self._trend[1], out=scores, where=scores > 0)
        weighed = {name: others for name, others in beside.items() if getattr(settings, name)}
        if weighed:
            np.log(np.maximum(scores, 0, out=scores) + UNLIKELY, out=scores)
            if "twin_weight" not in weighed:  # which knows popularity itself
                scores += USUAL_ORDER * self.log_share
        for name, others in weighed.items():
            scores += np.float32(getattr(settings, name)) * others
        if not lengths.all():
            scores[lengths == 0] = self._of_nobody(settings)
        if self.reward is not None:
            scores += self.reward
        if not settings.seen:
            scores[np.repeat(np.arange(len(histories)), lengths), np.concatenate([NOTHING, *histories])] -= HAD
        return scores

    def _of_nobody(self, settings: Settings) -> np.ndarray:
        """(n_items,) scores of an empty history."""
        if settings.trend and self.log_recent_demand is not None:
            return self.empty + self.temperature * np.float32(settings.trend) * self.log_recent_demand
        return self.empty


def recent_demand(seqs: Sequences) -> np.ndarray:
    """(n_items,) float32: share of the newest events over share of all, 1 for an item in as much demand as ever."""
    count = max(1, int(seqs.n_events * RECENT))
    newest = np.argpartition(seqs.times, -count)[-count:]
    usual = np.bincount(seqs.codes, minlength=seqs.n_items) * (len(newest) / seqs.n_events)
    recent = np.bincount(seqs.codes[newest], minlength=seqs.n_items)
    return ((recent + USUAL) / (usual + USUAL)).astype(np.float32)
