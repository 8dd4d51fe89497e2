"""The recommenders: pure numpy and scipy, trained from interactions, scoring from a history alone.

Every model answers the same questions: `scores` for one history, `recommend` for many, `save` and `load`. None looks up
a user: an event counts in the very next answer and a user unseen in training needs nothing special.

Three go beyond: `ItemContent` says what items nobody has touched resemble, `UserAffinity` also which users want an
item, and `NextBestAction` scores actions instead of items.
"""

from pathlib import Path

from recsys.models.actions import NextBestAction
from recsys.models.affinity import UserAffinity
from recsys.models.base import Model, Trained
from recsys.models.content import ItemContent
from recsys.models.next_item import NextItem
from recsys.models.popularity import Popularity
from recsys.models.semantic import SemanticSimilarity
from recsys.models.sequences import Sequences
from recsys.models.similar import ItemSimilarity, RelatedItems
from recsys.models.similar_items import SimilarItems
from recsys.models.storage import read_model
from recsys.models.trending import Trending

_KINDS: dict[str, type[Trained]] = {
    kind.__name__: kind
    for kind in (
        Popularity,
        Trending,
        ItemSimilarity,
        SimilarItems,
        SemanticSimilarity,
        NextItem,
        UserAffinity,
        ItemContent,
        NextBestAction,
    )
}


def load(folder: str | Path) -> Trained:
    """What was saved in `folder`; its arrays stay on disk, memory-mapped.

    Raises ModelError that names the file when one is missing, cut short, altered or of another version.
    """
    stored = read_model(folder, known=tuple(_KINDS))
    return _KINDS[stored.kind]._restore(stored)


__all__ = [
    "ItemContent",
    "ItemSimilarity",
    "Model",
    "NextBestAction",
    "NextItem",
    "Popularity",
    "RelatedItems",
    "SemanticSimilarity",
    "Sequences",
    "SimilarItems",
    "Trained",
    "Trending",
    "UserAffinity",
    "load",
]
