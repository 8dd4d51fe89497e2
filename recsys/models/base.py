"""What everything trained can do, and what every recommender can."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.sequences import id_text
from recsys.models.storage import Stored, write_model
from recsys.models.topk import top_k

if TYPE_CHECKING:
    from recsys.models.cold.model import ColdStart

BATCH_SCORES = 4_000_000  # scores held at once by recommend: 16 MB of float32


class Trained:
    """Something learned about a fixed catalogue by `fit`, which can be saved and loaded.

    item_ids: (n_items,) str; settings: what was chosen; trials: one dict per setting tried (settings,
    items, users, ndcg, seconds).
    """

    _also_fits: ClassVar[tuple[type["Trained"], ...]] = ()  # what `fit` may give beside this class

    def __init__(
        self,
        item_ids: np.ndarray,
        settings: dict[str, Any] | None = None,
        trials: list[dict[str, Any]] | None = None,
    ) -> None:
        if not isinstance(item_ids, np.ndarray):
            kind = type(self).__name__
            raise ModelError(
                f"{kind}() makes no model of a {type(item_ids).__name__}: call {kind}.fit, {kind}.load or load"
            )
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

        Raises ModelError for what is no list of ids: a single one, lists in a list, a table.
        """
        if isinstance(ids, str) or not isinstance(ids, Iterable) or getattr(ids, "ndim", 1) != 1:
            raise ModelError(f"encode() takes a list of ids, not {ids!r}: put a single one in a list")
        if self._code_of is None:
            self._code_of = {item: code for code, item in enumerate(self.item_ids)}
        found = map(self._code_of.get, (each if type(each) is str else id_text(each) for each in ids))
        return np.fromiter((code for code in found if code is not None), dtype=np.int32)

    def decode(self, codes: np.ndarray) -> list[list[str]]:
        """Ids of codes (n, k) as `recommend` gives them, one list per row; its empty places (-1) are left out.

        One row of codes (k,) gives one list in a list. Raises ModelError for what is no such codes.
        """
        rows = np.atleast_2d(codes)
        if rows.ndim != 2 or (rows.size and rows.dtype.kind not in "iu"):
            raise ModelError("decode() takes codes alone, the first of the two that recommend() gives")
        return [self.item_ids[row[row >= 0]].tolist() for row in rows]

    def save(self, folder: str | Path) -> None:
        """Write it to `folder`, whole or not at all; a model that was there is replaced, anything else refused."""
        stored = Stored(type(self).__name__, self._arrays(), self.item_ids, self._meta())
        write_model(folder, stored)

    @classmethod
    def load(cls, folder: str | Path) -> "Self | ColdStart":
        """What was saved in `folder`, if it is of this class or what its `fit` gives, such as a ColdStart around it.

        Raises ModelError where it is of another, and as `recsys.models.load` does, which takes any.
        """
        from recsys.models import ColdStart, load  # which know every class, and so this one

        found = load(folder)
        inside = found.model if isinstance(found, ColdStart) else found
        if not isinstance(found, cls) and not isinstance(inside, (cls, *cls._also_fits)):
            kind = type(found).__name__
            raise ModelError(f"{folder} holds a {kind}, which is no {cls.__name__}: load it with {kind}.load")
        return found

    def _checked(self, codes: Sequence[int] | np.ndarray) -> np.ndarray:
        codes = np.asarray(codes)
        if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
            one = "" if codes.ndim else ", and a list of histories even of one"
            raise ModelError(
                f"{codes!r} is no list of item codes, which are whole numbers: take codes from encode(){one}"
            )
        codes = codes.astype(np.int64, copy=False)
        if codes.size and (codes.min() < 0 or codes.max() >= len(self.item_ids)):
            raise ModelError(
                f"item codes from {codes.min()} to {codes.max()} are given; this model knows 0 to "
                f"{len(self.item_ids) - 1}: take codes from its own encode()"
            )
        return codes

    def _mask(self, among: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n_items,) bool of such a mask or of codes. Raises ModelError for a mask of another length."""
        among = np.asarray(among)
        if among.dtype == bool and among.ndim == 1:
            if len(among) != len(self.item_ids):
                raise ModelError(
                    f"a mask of {len(among):,} is given for {len(self.item_ids):,} items: make one value for each of "
                    "item_ids"
                )
            return among
        mask = np.zeros(len(self.item_ids), bool)
        mask[self._checked(among)] = True
        return mask

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
        self,
        histories: Sequence[Sequence[int] | np.ndarray],
        k: int,
        exclude_seen: bool = False,
        among: Sequence[int] | np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, k) int32 and scores (n, k) float32 of the k best items for each of n histories, best first.

        exclude_seen: items of the history, candidates like any other without it, are none. among: only these items are
        candidates, such as those in stock, by codes or as a mask (n_items,) bool; None for all. A place for which no
        item is left holds code -1 and score -inf. Ties go to the lower code; k is cut to n_items.

        Raises ModelError for a history that is no list of codes of the catalogue, for such items, and for k below 0.
        """
        allowed = None if among is None else self._mask(among)
        rows = max(1, BATCH_SCORES // len(self.item_ids))
        checked = [self._checked(codes) for codes in histories]
        batches = [checked[i : i + rows] for i in range(0, max(1, len(checked)), rows)]
        parts = [top_k(self._scores_of(batch, exclude_seen), k, allowed) for batch in batches]
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
