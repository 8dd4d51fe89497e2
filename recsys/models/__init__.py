"""The recommenders: pure numpy and scipy, trained from interactions, scoring from a history alone.

Every model answers the same questions: `scores` for one history, `recommend` for many, `save` and `load`. None looks up
a user: an event counts in the very next answer and a user unseen in training needs nothing special.
"""

from pathlib import Path

from recsys.models.base import Model
from recsys.models.next_item import NextItem
from recsys.models.popularity import Popularity
from recsys.models.semantic import SemanticSimilarity
from recsys.models.sequences import Sequences
from recsys.models.similar import ItemSimilarity
from recsys.models.storage import read_model

_KINDS: dict[str, type[Model]] = {
    kind.__name__: kind for kind in (Popularity, ItemSimilarity, NextItem, SemanticSimilarity)
}


def load(folder: str | Path) -> Model:
    """The model saved in `folder`; its arrays stay on disk, memory-mapped.

    Raises ModelError that names the file when one is missing, cut short, altered or of another version.
    """
    stored = read_model(folder, known=tuple(_KINDS))
    return _KINDS[stored.kind]._restore(stored)


__all__ = ["ItemSimilarity", "Model", "NextItem", "Popularity", "SemanticSimilarity", "Sequences", "load"]
