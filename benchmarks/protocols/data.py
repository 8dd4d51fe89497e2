"""What the protocols share: the data, the users held out, and the scorers that are fitted on the others."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.files import RETAIL
from benchmarks.peers import NEIGHBOURS, WEIGHTS, als_scores, bm25_scores, cosine_scores
from benchmarks.recommenders import NEXT_ITEM, PENALTIES, LeftOut, ease_scores, own_counts
from benchmarks.tuning import Scores, Task
from recsys.columns import CATEGORY, ITEM_ID, PRICE, TITLE
from recsys.data import entities, sources
from recsys.models import ItemContent, ItemSimilarity, Model, NextItem, Popularity, SemanticSimilarity, SimilarItems
from recsys.models.content.text import embed
from recsys.models.next_item.returning import fit_returning
from recsys.models.protocol import Split
from recsys.models.sequences import Sequences

BATCH = 500  # histories scored at once
GOAL = "newest"  # what the local Personalize trains a next-item model for
RETURNING = "next item, returning"  # what it has beside it for users who come back
KINDS = {CATEGORY: "categorical", PRICE: "number", TITLE: "text"}


def items_of(path: Path) -> pd.DataFrame | None:
    """The metadata of the items, where there are some: items.csv beside the file, or Online Retail's own."""
    beside = path.with_name("items.csv")
    if beside.exists():
        return pd.read_csv(beside, dtype={ITEM_ID: "str"})
    if path.suffix == ".parquet" and set(pq.read_schema(path).names) >= RETAIL:
        return entities.items_table(sources.load("online-retail", path).events, None)[0]
    return None


@dataclass(frozen=True, eq=False)
class Data:
    """Everything there is: `items` are ITEM_ID, CATEGORY, PRICE and TITLE, or None."""

    seqs: Sequences
    items: pd.DataFrame | None
    seed: int
    threads: int

    @cached_property
    def held(self) -> tuple["Fits", Sequences]:
        """What is fitted on four fifths of the users, and the others."""
        users = np.random.default_rng(self.seed).permutation(self.seqs.n_users)
        fifth = max(1, len(users) // 5)
        train, test = self.seqs.select(np.sort(users[fifth:])), self.seqs.select(np.sort(users[:fifth]))
        return Fits(train, self), test


class Fits:
    """The scorers of one training part, each fitted when it is first asked for."""

    def __init__(self, train: Sequences, data: Data) -> None:
        self.train, self.data = train, data
        self.task = Task(Split(train, [], []), "personalize", False, data.seed, data.threads)
        self._scores: dict[str, Scores] = {}

    def scores(self, names: Sequence[str]) -> dict[str, Scores]:
        """The scorers of these names, but for those that are left out, with the reason on the terminal."""
        for name in names:
            if name not in self._scores:
                try:
                    self._scores[name] = SCORERS[name](self)
                except (LeftOut, ImportError) as reason:
                    print(f"{name} is left out: {reason}", file=sys.stderr)
        return {name: self._scores[name] for name in names if name in self._scores}

    def column(self, name: str) -> list[Any]:
        """A column of metadata in the order of the items, None where one is missing. Raises LeftOut without it."""
        items = self.data.items
        if items is None or name not in items:
            raise LeftOut(f"there is no {name} of the items")
        column = items.set_index(ITEM_ID)[name].reindex(self.train.item_ids).astype(object)
        return column.where(column.notna(), None).tolist()

    @cached_property
    def content(self) -> ItemContent:
        """What CATEGORY, PRICE and TITLE say. Raises LeftOut without them."""
        return ItemContent.fit(self.train.item_ids, {name: self.column(name) for name in KINDS}, KINDS, embed)

    @cached_property
    def next_item(self) -> NextItem:
        return NextItem.fit(self.train, self.data.seed, self.data.threads, goal=GOAL)

    @cached_property
    def returning(self) -> NextItem:
        """The model for users who come back. Raises LeftOut where the other is for them too."""
        found = fit_returning(self.train, self.next_item.chosen, self.data.seed, self.data.threads)
        if found is None:
            raise LeftOut("users who come back are served as well by the next item")
        return found


def of(model: Model) -> Scores:
    """A model as a function from histories to scores (n, n_items)."""
    return lambda histories: np.stack([model.scores(history) for history in histories])


SCORERS: dict[str, Callable[[Fits], Scores]] = {
    "popularity": lambda fits: of(Popularity.fit(fits.train)),
    "own frequency": lambda fits: own_counts(fits.task),
    "item similarity": lambda fits: of(ItemSimilarity.fit(fits.train)),
    "similar items": lambda fits: of(SimilarItems.fit(fits.train)),
    "similar items, metadata": lambda fits: of(SimilarItems.fit(fits.train, fits.content)),
    "semantic similarity": lambda fits: of(SemanticSimilarity.fit(fits.train.item_ids, fits.column(TITLE))),
    "EASE": lambda fits: ease_scores(fits.task, fits.task.choose(PENALTIES, ease_scores)),
    "implicit cosine": lambda fits: cosine_scores(fits.task, fits.task.choose(NEIGHBOURS, cosine_scores)),
    "implicit BM25": lambda fits: bm25_scores(fits.task, fits.task.choose(NEIGHBOURS, bm25_scores)),
    "implicit ALS": lambda fits: als_scores(fits.task, (1.0, 0.01)),
    "implicit ALS tuned": lambda fits: als_scores(fits.task, fits.task.choose(WEIGHTS, als_scores)),
    NEXT_ITEM: lambda fits: of(fits.next_item),
    RETURNING: lambda fits: of(fits.returning),
}
