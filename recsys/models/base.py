"""What everything trained can do, and what every recommender can."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.sequences import id_text
from recsys.models.storage import Stored, write_model
from recsys.models.topk import top_k

BATCH_SCORES = 4_000_000  # scores held at once by recommend: 16 MB of float32


class Trained:
    """Something learned about a fixed catalogue, which can be saved and loaded.

    item_ids: (n_items,) str; settings: what was chosen; trials: one dict per setting tried (settings,
    items, users, ndcg, seconds).
    """

    def __init__(
        self,
        item_ids: np.ndarray,
        settings: dict[str, Any] | None = None,
        trials: list[dict[str, Any]] | None = None,
    ) -> None:
        self.item_ids = item_ids
        self.settings = settings or {}
        self.trials = trials or []
        self._code_of: dict[str, int] | None = None

    def __repr__(self) -> str:
        """Class, items and the settings that are not off.

        >>> Trained(np.array(["a", "b"]), {"penalty": 30.0, "trend": 0.0})
        Trained(2 items, penalty=30.0)
        """
        chosen = (f", {name}={value!r}" for name, value in self.settings.items() if value)
        return f"{type(self).__name__}({len(self.item_ids):,} items{''.join(chosen)})"

    def encode(self, ids: Iterable[str]) -> np.ndarray:
        """Codes (int32) of the ids it knows, in order; the others are left out. Numbers count as the text they make.

        Raises ModelError for a single text and for lists in the list.
        """
        if isinstance(ids, str):
            raise ModelError(f"encode() takes a list of ids, not {ids!r}: put it in a list")
        if self._code_of is None:
            self._code_of = {item: code for code, item in enumerate(self.item_ids)}
        found = map(self._code_of.get, (each if type(each) is str else id_text(each) for each in ids))
        return np.fromiter((code for code in found if code is not None), dtype=np.int32)

    def decode(self, codes: np.ndarray) -> list[list[str]]:
        """Ids of codes (n, k) as `recommend` gives them, one list per row; its empty places (-1) are left out."""
        return [self.item_ids[row[row >= 0]].tolist() for row in np.atleast_2d(codes)]

    def save(self, folder: str | Path) -> None:
        """Write it to `folder`, whole or not at all; a model that was there is replaced, anything else refused."""
        stored = Stored(type(self).__name__, self._arrays(), self.item_ids, self._meta())
        write_model(folder, stored)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What was saved in `folder`, if it is of this class.

        Raises ModelError where it is of another, and as `recsys.models.load` does, which takes any.
        """
        from recsys.models import load  # knows every class, and so this one

        found = load(folder)
        if not isinstance(found, cls):
            kind = type(found).__name__
            raise ModelError(f"{folder} holds a {kind}, which is no {cls.__name__}: load it with {kind}.load")
        return found

    def _checked(self, codes: Sequence[int] | np.ndarray) -> np.ndarray:
        codes = np.asarray(codes)
        if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
            raise ModelError(f"{codes!r} is no list of item codes, which are whole numbers: take codes from encode()")
        codes = codes.astype(np.int64, copy=False)
        if codes.size and (codes.min() < 0 or codes.max() >= len(self.item_ids)):
            raise ModelError(
                f"a history holds item codes from {codes.min()} to {codes.max()}; this model knows 0 to "
                f"{len(self.item_ids) - 1}: take codes from its own encode()"
            )
        return codes

    def _meta(self) -> dict[str, Any]:
        return {"settings": self.settings, "trials": self.trials}

    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays it is made of, by name."""
        raise NotImplementedError

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        """What `_arrays` and `_meta` came from."""
        raise NotImplementedError


def mark_chosen(trials: Sequence[dict[str, Any]], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials, each with whether it is the chosen one: the last of its settings, as a twin learns between two.

    It need not be the best: what takes time in every answer has to be better than what does not by more than chance.
    """
    chosen = max((at for at, trial in enumerate(trials) if trial["settings"] == settings), default=None)
    return [trial | {"chosen": at == chosen} for at, trial in enumerate(trials)]


class Model(Trained):
    """A trained recommender over a fixed catalogue; a history is an array of item codes, oldest first.

    logarithmic: whether scores are logarithms of chances, times the temperature: their mean is no mean of the chances.
    empty_logarithmic: whether those of an empty history are, whatever the others are.
    """

    logarithmic = empty_logarithmic = False

    def __init__(
        self,
        item_ids: np.ndarray,
        settings: dict[str, Any] | None = None,
        trials: list[dict[str, Any]] | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(item_ids, settings, trials)
        self.temperature = temperature

    def scores(self, codes: Sequence[int] | np.ndarray) -> np.ndarray:
        """Scores (n_items,) float32 of the whole catalogue for one history; higher is better."""
        return self._score_batch([self._checked(codes)])[0]

    def recommend(
        self, histories: Sequence[Sequence[int] | np.ndarray], k: int, exclude_seen: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, k) int32 and scores (n, k) float32 of the k best items for each of n histories, best first.

        Items of the history are candidates like any other, or none with `exclude_seen`: a place for which no other item
        is left then holds code -1 and score -inf. Ties go to the lower code; k is cut to n_items.

        Raises ModelError for a history that is no list of codes of the catalogue, and for k below 0.
        """
        rows = max(1, BATCH_SCORES // len(self.item_ids))
        checked = [self._checked(codes) for codes in histories]
        batches = [checked[i : i + rows] for i in range(0, max(1, len(checked)), rows)]
        parts = [top_k(self._scores_of(batch, exclude_seen), k) for batch in batches]
        return np.concatenate([codes for codes, _ in parts]), np.concatenate([scores for _, scores in parts])

    def _scores_of(self, histories: list[np.ndarray], exclude_seen: bool) -> np.ndarray:
        scores = self._score_batch(histories)
        if exclude_seen and histories:
            rows = np.repeat(np.arange(len(histories)), [len(codes) for codes in histories])
            scores[rows, np.concatenate(histories)] = -np.inf
        return scores

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Softmax of these scores (one history's, the whole catalogue or a part of it) at the fitted temperature."""
        logits = np.asarray(scores, dtype=np.float64) / self.temperature
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()

    def _meta(self) -> dict[str, Any]:
        return {**super()._meta(), "temperature": self.temperature}

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        """Scores (n, n_items) float32 of checked histories."""
        raise NotImplementedError
