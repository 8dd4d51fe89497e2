"""The next-item model and a transformer, pooled where that finds more of what held-out users did next.

NDCG@10 of the next-item model and of 60 counted seconds of transformer, leave-last-out on MovieLens-1M: .187 and .155.
On two cores it has no weight there: what it found beside the linear model alone, the nearest neighbours find too.
"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recsys.models.base import Model
from recsys.models.cold.model import ColdStart, learned
from recsys.models.content.items import Items
from recsys.models.next_item.model import NextItem, blas_threads
from recsys.models.next_item.search import OnTrial
from recsys.models.next_item.tuning import Learner, tune
from recsys.models.sequences import Interactions, sequences_of
from recsys.models.storage import Stored
from recsys.models.transformer.forward import Forward
from recsys.models.transformer.training import Training

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

PREFIX = "transformer_"  # of the arrays on disk that are the transformer's


class Blended(Model):
    """NextItem with a transformer's logits, times `transformer_weight`, in its pool."""

    logarithmic = empty_logarithmic = True
    _also_fits = (NextItem,)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        seed: int = 0,
        threads: int = 2,
        report: OnTrial | None = None,
        reward: np.ndarray | None = None,
        seconds: float = 60.0,
        learner: Learner | None = None,
        items: Items | None = None,
        users: "pd.DataFrame | None" = None,
        **options: Any,
    ) -> Self | NextItem | ColdStart:
        """The next-item model with a transformer beside it, or the next-item model alone where that adds too little.

        seconds: of all trainings of the transformer together, at most, by the clock; the budget of the search is its
        own. That, the others, and the options budget, settings, candidates and goal, are those of NextItem.fit. The
        weight is chosen on the same held-out users as all settings and is among them as `transformer_weight`, which is
        0 where the transformer did not help. One that is given up for lack of seconds is left out, as the log says.
        learner: what trains it, torch where none is given. Raises ModelError where torch is not installed.
        """
        seqs = sequences_of(interactions)
        items = learned(seqs, items, users)
        learner = learner or Training(seed, threads, seconds)
        with blas_threads(seqs, threads):
            tuned = tune(seqs, seed, report, threads=threads, learner=learner, **options)
        linear = NextItem.tuned(seqs, tuned, threads, reward)
        model = cls._of(linear, tuned.transformer) if tuned.transformer else linear
        return model if items is None and users is None else ColdStart.of(model, items, seqs, users)

    @classmethod
    def _of(cls, linear: NextItem, forward: Forward) -> Self:
        model = cls(linear.item_ids, linear.settings, linear.trials, linear.temperature)
        model.linear, model.forward, model.chosen = linear, forward, linear.chosen
        return model

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        return self.linear.pooled(histories, transformer_weight=self.forward.logits(histories))

    def _arrays(self) -> dict[str, np.ndarray]:
        return self.linear._arrays() | {PREFIX + name: array for name, array in self.forward.arrays.items()}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        ours = {name.removeprefix(PREFIX): each for name, each in stored.arrays.items() if name.startswith(PREFIX)}
        return cls._of(NextItem._restore(stored), Forward(ours))
