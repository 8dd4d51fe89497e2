"""The metadata columns a model learns from, as the schema marks them."""

from collections import defaultdict

import numpy as np

from recsys.columns import CREATION_TIMESTAMP, ITEM_ID
from recsys.local.personalize.jobs.training.data import Data, TrainingFailed
from recsys.local.personalize.schemas import KEYS, Field
from recsys.models import ItemContent
from recsys.models.content.text import embed
from recsys.models.related.semantic import document

# Told about every item or action, and no likeness.
RESERVED = {CREATION_TIMESTAMP, "VALUE", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"}


def content(data: Data, kind: str, texts: bool = True) -> ItemContent | None:
    """What the metadata of Items, Users or Actions say; None without a row or a column that says anything.

    Texts that are neither categories nor textual are not used, as on AWS.
    """
    columns, kinds = data.rows(kind), {}
    for name, field in data.fields(kind).items():
        read_as = _kind(field)
        if read_as and name not in RESERVED and (texts or read_as != "text") and any(columns[name]):
            kinds[name] = read_as
    if not kinds or not columns[KEYS[kind]]:
        return None
    used = {name: columns[name] for name in kinds}
    return ItemContent.fit(columns[KEYS[kind]], used, kinds, embed if "text" in kinds.values() else None)


def documents(data: Data) -> dict[str, str]:
    """The text of each item that has one: its name and its description. Raises TrainingFailed without such a column."""
    columns, fields = data.items, data.fields("ITEMS")
    names = [name for name, field in fields.items() if field.item_name]
    texts = [name for name, field in fields.items() if field.textual]
    if not names and not texts:
        raise TrainingFailed("The Items dataset has no textual field and no item name to learn from.")
    gaps = [None] * len(columns[ITEM_ID])
    pairs = zip(*(columns[found[0]] if found else gaps for found in (names, texts)), strict=True)
    joined = {item: document(*pair) for item, pair in zip(columns[ITEM_ID], pairs, strict=True)}
    return {item: text for item, text in joined.items() if text}


def item_numbers(data: Data, name: str, item_ids: np.ndarray) -> np.ndarray:
    """(n_items,) float64 values of a numeric column, the name in any case; NaN where there is none."""
    column = next((values for each, values in data.items.items() if each.lower() == name.lower()), [])
    known = dict(zip(data.items[ITEM_ID], column, strict=False))
    return np.array([np.nan if known.get(item) is None else float(known[item]) for item in item_ids])


def attribute_queries(data: Data, item_ids: np.ndarray) -> list[np.ndarray]:
    """Item codes with each value of each categorical column: what item attributes can ask for."""
    code_of = {item: code for code, item in enumerate(item_ids)}
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for name, field in data.fields("ITEMS").items():
        for item, value in zip(data.items[ITEM_ID], data.items[name] if field.categorical else [], strict=False):
            for part in (value or "").split("|"):
                if part and item in code_of:
                    found[name, part].append(code_of[item])
    return [np.array(codes) for codes in found.values()]


def _kind(field: Field) -> str | None:
    if field.textual:
        return "text"
    if field.categorical or field.type == "boolean":
        return "categorical"
    return "number" if field.numeric else None
