"""A transformer as it is before its first step: made by numpy, for tests that need no torch."""

import numpy as np

from recsys.models import Sequences
from recsys.models.transformer.forward import Forward
from recsys.models.transformer.training import first_arrays


class Untrained:
    """Learns nothing but what training starts from; `asked` holds the number of users of each data set it was given."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def learn(self, seqs: Sequences, seen: bool, start: Forward | None = None) -> Forward:
        self.asked.append(seqs.n_users)
        return start or Forward(first_arrays(seqs, np.random.default_rng(0)))
