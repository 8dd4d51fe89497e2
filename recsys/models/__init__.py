"""The recommenders: numpy, scipy and loops compiled by numba (one trains with torch), trained from interactions,
scoring from a history alone.

Every model answers the same questions: `scores` for one history, `recommend` for many, `save` and `load`. None looks up
a user: an event counts in the very next answer and a user unseen in training needs nothing special.

    >>> import io, tempfile
    >>> import pandas as pd
    >>> csv = "USER_ID,ITEM_ID,TIMESTAMP\\n" + "\\n".join(
    ...     f"u{user},{item},{1_700_000_000 + 60 * step}"
    ...     for user in range(40)
    ...     for step, item in enumerate(["cup", "tea", "pot"] if user % 2 else ["pen", "ink", "pad"])
    ... )
    >>> interactions = pd.read_csv(io.StringIO(csv))  # or of your file: times in epoch seconds, or datetimes
    >>> model = NextItem.fit(interactions)
    >>> codes, scores = model.recommend([model.encode(["cup", "tea"])], k=1, exclude_seen=True)
    >>> model.decode(codes)
    [['pot']]
    >>> codes, scores = model.recommend([model.encode(["cup"])], k=2, among=model.encode(["pen", "pot"]))  # in stock
    >>> model.decode(codes)
    [['pot', 'pen']]
    >>> related = SimilarItems.fit(interactions)
    >>> codes, scores = related.similar(related.encode(["pen"])[0], k=2)
    >>> sorted(related.decode(codes)[0])
    ['ink', 'pad']
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/next-item")
    ...     load(f"{folder}/next-item").item_ids.tolist()
    ['cup', 'ink', 'pad', 'pen', 'pot', 'tea']

What items have in common brings in those that nobody has touched, or that come later:

    >>> items = pd.DataFrame({"ITEM_ID": ["cup", "tea", "pot", "pen", "ink", "pad", "mug"]})
    >>> items["AISLE"] = ["kitchen", "kitchen", "kitchen", "desk", "desk", "desk", "kitchen"]
    >>> model = NextItem.fit(interactions, items=items)
    >>> model = model.with_items(pd.DataFrame({"ITEM_ID": ["jug", "nib"], "AISLE": ["kitchen", "desk"]}))
    >>> codes, scores = model.recommend([model.encode(["cup", "tea"])], k=3, exclude_seen=True)
    >>> model.decode(codes)
    [['pot', 'mug', 'jug']]

`ColdStart` does that beside any model; with a table of `users`, beside a model of what comes next, its `for_user` also
answers for somebody new. Three go beyond: `ItemContent` says what items resemble, `UserAffinity` also which users want
an item, and `NextBestAction` scores actions instead of items. How a model is measured on a split of its own or of
yours is shown in `recsys.models.protocol`.

    next_item/    what comes next after a history: the closed-form linear model, its softmax twin, nearest neighbours
    transformer/  the same by a transformer, alone or blended with it; trained with torch, served without
    related/      what goes with an item
    popular/      what is popular, and what is becoming so
    content/      what metadata and texts say about items
    cold/         what they say where there are no events: of cold items and of new users
    segments/     which users want an item
    actions/      which action a user will take
    sequences     interactions as flat arrays; transitions: what follows what in them; protocol: how a model is put to
                  the test; base, storage, topk, low_rank
"""

from pathlib import Path

from recsys.models.actions.next_best import NextBestAction
from recsys.models.base import Model, Trained
from recsys.models.cold.model import ColdStart
from recsys.models.content.items import ItemContent
from recsys.models.next_item.model import NextItem
from recsys.models.popular.popularity import Popularity
from recsys.models.popular.trending import Trending
from recsys.models.related.base import RelatedItems
from recsys.models.related.cointeractions import ItemSimilarity
from recsys.models.related.semantic import SemanticSimilarity
from recsys.models.related.similar_items import SimilarItems
from recsys.models.segments.affinity import UserAffinity
from recsys.models.sequences import Sequences
from recsys.models.storage import Stored, read_model
from recsys.models.transformer.blended import Blended
from recsys.models.transformer.model import Transformer

_KINDS: dict[str, type[Trained]] = {
    kind.__name__: kind
    for kind in (
        Popularity,
        Trending,
        ItemSimilarity,
        SimilarItems,
        SemanticSimilarity,
        NextItem,
        Transformer,
        Blended,
        UserAffinity,
        ItemContent,
        ColdStart,
        NextBestAction,
    )
}


def load(folder: str | Path) -> Trained:
    """What was saved in `folder`; its arrays stay on disk, memory-mapped.

    Raises ModelError that names the file when one is missing, cut short, altered or of another version.
    """
    return restored(read_model(folder, known=tuple(_KINDS)))


def restored(stored: Stored) -> Trained:
    """The model that these arrays and settings are of, of whichever class."""
    return _KINDS[stored.kind]._restore(stored)


__all__ = [
    "Blended",
    "ColdStart",
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
    "Transformer",
    "Trending",
    "UserAffinity",
    "load",
]
