"""Cold items beside those of any model, and new users: scores where there are no events, by metadata."""

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.base import Model
from recsys.models.cold.lifts import Lifts, plain, summed, user_lifts
from recsys.models.cold.scoring import UNSCORED, Taste, alike, cold_scores, nothing_alike, places_of
from recsys.models.content.items import ItemContent, Items, content_of
from recsys.models.content.metadata import Vectors, cells
from recsys.models.content.tables import ids_of
from recsys.models.sequences import Interactions, Sequences, sequences_of
from recsys.models.storage import Stored, as_bytes, from_bytes

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

PREFIX, CONTENT, LIFTS = "cold_", "cold_content_", "cold_lifts_"  # of the arrays on disk that are not the model's


def learned(seqs: Sequences, items: Items | None, users: "pd.DataFrame | None") -> ItemContent | None:
    """What is said of items. Raises ModelError where `ColdStart.of` would, after the training, for these tables."""
    if users is not None:
        user_lifts(users, seqs)
    return None if items is None else content_of(items, among=seqs.item_ids[np.unique(seqs.codes)])


class ColdStart(Model):
    """Any model, and beside its items cold ones, which their metadata place among those it was trained on.

    A history may hold cold items; they say nothing until the next training. model: the one inside; content: what
    metadata say of items; trained: (known,) bool, which of the model's items had events; cold: (m,) int32 codes of
    those without events that have metadata, neighbours and weights (m, NEIGHBOURS) what their scores are made of;
    lifts: by column, what metadata say of users; user: what is known of whom it answers, by column.

    >>> from recsys.models import Popularity
    >>> import pandas as pd
    >>> sold = pd.DataFrame({"USER_ID": ["u", "v", "u"], "ITEM_ID": ["mug", "mug", "saw"], "TIMESTAMP": [1, 2, 3]})
    >>> items = pd.DataFrame({"ITEM_ID": ["mug", "saw", "cup"], "AISLE": ["kitchen", "tools", "kitchen"]})
    >>> model = ColdStart.of(Popularity.fit(sold), items)
    >>> model = model.with_items(pd.DataFrame({"ITEM_ID": ["file"], "AISLE": ["tools"]}))
    >>> dict(zip(model.item_ids, model.scores([]).tolist()))
    {'mug': 2.0, 'saw': 1.0, 'cup': 2.0, 'file': 1.0}
    """

    @classmethod
    def of(
        cls,
        model: Model,
        items: Items | None = None,
        interactions: Interactions | None = None,
        users: "pd.DataFrame | None" = None,
    ) -> Self:
        """`model`, with those of `items` that it does not know, and those it knows but `interactions` do not touch.

        items: a table with ITEM_ID and metadata, read as ItemContent.from_items reads it, or an ItemContent.
        interactions: what the model was fitted on. users: a table with USER_ID and metadata, for a model that is
        `empty_logarithmic`, as a NextItem is. Codes of the model's items stay. Raises ModelError for tables that cannot
        be used or describe nothing of what the model was trained on, for users without interactions or with another
        model, for interactions with other items and for a ColdStart.
        """
        if isinstance(model, ColdStart):
            raise ModelError("this model has cold items already: with_items() takes in more")
        if users is not None and not model.empty_logarithmic:
            raise ModelError(f"{type(model).__name__} has no chances that users could tell apart: leave them out")
        trained, lifts = np.ones(len(model.item_ids), bool), {}
        if interactions is not None:
            seqs = sequences_of(interactions, model.item_ids)
            if not np.array_equal(seqs.item_ids, model.item_ids):
                raise ModelError("the model was fitted on other items than those of the interactions: give the same")
            trained = np.bincount(seqs.codes, minlength=len(trained)) > 0
            lifts = {} if users is None else user_lifts(users, seqs)
        elif users is not None:
            raise ModelError("what users take is learned from interactions: give them beside the users")
        content = ItemContent.fit([], {}, {}) if items is None else content_of(items, among=model.item_ids[trained])
        bare = cls._of(model, content, lifts, model.item_ids, trained, np.empty(0, np.int32), *nothing_alike(0))
        return bare._with(content.item_ids, content.rows)

    @classmethod
    def _of(
        cls,
        model: Model,
        content: ItemContent,
        lifts: dict[str, Lifts],
        item_ids: np.ndarray,
        trained: np.ndarray,
        cold: np.ndarray,
        neighbours: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        found = cls(item_ids, model.settings, model.trials, model.temperature)
        found.model, found.content, found.lifts, found.logarithmic = model, content, lifts, model.logarithmic
        found.trained, found.cold, found.neighbours, found.weights = trained, cold, neighbours, weights
        found.user, found._log_lift = {}, None
        found._places = places_of(content, {item_ids[code]: code for code in np.flatnonzero(trained)})
        found._taste = Taste(content, found._places, len(trained))
        return found

    def __repr__(self) -> str:
        user = f", user={self.user}" if self.user else ""
        return f"{type(self).__name__}({len(self.item_ids):,} items, {self.model!r}{user})"

    def for_user(self, user: Mapping[str, Any]) -> Self:
        """The same model for users of whom `user` is known, by column; it tells where a history holds nothing.

        Columns and values that training has not seen have no effect. Raises ModelError for what is no mapping.
        """
        if not hasattr(user, "get") or getattr(user, "ndim", 1) != 1:
            raise ModelError(f"a {type(user).__name__} does not say what is known of a user: give values by column")
        changed = copy(self)
        known = {name: plain(cells(name, [user.get(name)])[0]) for name in self.lifts}
        changed.user = {name: value for name, value in known.items() if value is not None}
        changed._log_lift = summed(self.lifts[name].log_lift(value) for name, value in changed.user.items())
        return changed

    def with_items(self, items: "pd.DataFrame") -> Self:
        """The same model with the cold items of this table too, or with other metadata of those it has.

        items: ITEM_ID and the columns that the model's own items came with; a column left out is missing. What was
        trained stays as it is. Raises ModelError for a table that cannot be used, or has none of the columns.
        """
        ids, names = ids_of(items), self.content.metadata.names
        if not set(names) & set(items.columns):
            raise ModelError(f"items have none of the columns {names}, by which cold items are placed")
        columns = {name: items[name].tolist() for name in names if name in items.columns}
        return self._with(ids, self.content.metadata.encode(columns, len(ids)))

    def _with(self, ids: np.ndarray, vectors: Vectors) -> Self:
        trained = set(self.item_ids[: len(self.trained)][self.trained])
        rows = np.array([row for row, item in enumerate(ids) if item not in trained], np.int64)
        code_of = {item: code for code, item in enumerate(self.item_ids)}
        cold = np.array([code_of.setdefault(item, len(code_of)) for item in ids[rows]], np.int32)
        stays = ~np.isin(self.cold, cold)
        new = cold, *alike(self.content, self._places, vectors.take(rows))
        old = self.cold, self.neighbours, self.weights
        joined = (np.concatenate([before[stays], added]) for before, added in zip(old, new, strict=True))
        ids = np.array(list(code_of), object)
        return self._of(self.model, self.content, self.lifts, ids, self.trained, *joined).for_user(self.user)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """As the model inside has them; 0 for an item without a score."""
        scored = np.asarray(scores) > UNSCORED
        found = np.zeros(len(scored))
        if scored.any():
            found[scored] = self.model.probabilities(np.asarray(scores)[scored])
        return found

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        known = len(self.trained)
        scores = np.empty((len(histories), len(self.item_ids)), np.float32)
        histories = [codes[codes < known] for codes in histories]
        scores[:, :known] = self.model._score_batch(histories)
        if self._log_lift is not None:
            nothing = np.array([len(codes) == 0 for codes in histories], bool)
            scores[nothing, :known] += np.float32(self.temperature) * self._log_lift
        for row, codes in zip(scores, histories, strict=True) if len(self.cold) else ():
            likely = row[:known], self.neighbours, self.weights, self.temperature, self.logarithmic
            row[self.cold] = cold_scores(*likely, self._taste.log_affinity(codes))
        return scores

    def _arrays(self) -> dict[str, np.ndarray]:
        content = {CONTENT + name: array for name, array in self.content._arrays().items()}
        content[CONTENT + "ids"] = as_bytes(list(self.content.item_ids))
        ours = {PREFIX + name: getattr(self, name) for name in ("trained", "cold", "neighbours", "weights")}
        for number, column in enumerate(self.lifts.values()):
            ours |= column.arrays(f"{LIFTS}{number}")
        return self.model._arrays() | content | ours

    def _meta(self) -> dict[str, Any]:
        parts = {"model": self.model._meta(), "content": self.content._meta(), "lifts": list(self.lifts)}
        return {"kind": type(self.model).__name__, **parts, "user": self.user}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        from recsys.models import restored  # knows every class

        arrays, meta = stored.arrays, stored.meta
        trained, *placed = (arrays[PREFIX + name] for name in ("trained", "cold", "neighbours", "weights"))
        inside = {name: array for name, array in arrays.items() if not name.startswith(PREFIX)}
        model = restored(Stored(meta["kind"], inside, stored.item_ids[: len(trained)], meta["model"]))
        of_content = {name.removeprefix(CONTENT): array for name, array in arrays.items() if name.startswith(CONTENT)}
        ids = np.array(from_bytes(of_content["ids"]), object)
        content = ItemContent._restore(Stored(ItemContent.__name__, of_content, ids, meta["content"]))
        lifts = {name: Lifts.restored(arrays, f"{LIFTS}{number}") for number, name in enumerate(meta["lifts"])}
        found = cls._of(model, content, lifts, stored.item_ids, np.asarray(trained), *map(np.asarray, placed))
        return found.for_user(meta.get("user", {}))
