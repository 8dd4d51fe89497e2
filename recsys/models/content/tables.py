"""Tables of items and of users: the ids of their rows, and what their columns are as far as it can be seen."""

from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.columns import ACTION_ID, CREATION_TIMESTAMP, ITEM_ID, USER_ID
from recsys.errors import ModelError
from recsys.models.content.metadata import CATEGORICAL, NUMBER, TEXT
from recsys.models.sequences import id_texts, kind_of

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

NO_LIKENESS = {ITEM_ID, USER_ID, ACTION_ID, CREATION_TIMESTAMP}
KINDS = {  # by what pandas infers from the cells
    "boolean": CATEGORICAL,
    "categorical": CATEGORICAL,
    "integer": NUMBER,
    "floating": NUMBER,
    "mixed-integer-float": NUMBER,
    "decimal": NUMBER,
}


def ids_of(table: "pd.DataFrame", key: str = ITEM_ID) -> np.ndarray:
    """(n,) the ids in the column `key`. Raises ModelError for what is no such table, for a column whose name is no
    text or is there twice, and for an id that is missing or there twice.
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise ModelError(f"a {kind_of(table)} is no table of metadata: give a pandas DataFrame with {key} and more")
    odd = [name for name in table.columns if not isinstance(name, str)] or [*table.columns[table.columns.duplicated()]]
    if odd:
        raise ModelError(f"columns of metadata are called {odd}: give each one name of its own, as text")
    if key not in table.columns:
        raise ModelError(f"a table of metadata lacks the column {key}; found {list(table.columns)}: rename yours")
    if gaps := int(table[key].isna().sum()):
        raise ModelError(f"{gaps} of {len(table)} rows of metadata have no {key}: drop or fill them first")
    ids = id_texts(table[key])
    if (again := pd.Series(ids).duplicated()).any():
        raise ModelError(f"{key} {ids[again][0]!r} has several rows of metadata: leave one of each")
    return ids


def kinds_of(table: "pd.DataFrame") -> dict[str, str]:
    """The kind of each column but ids and CREATION_TIMESTAMP; those of dates, vectors and mixtures are left out.

    Text is "text" where most cells have several words and most of what stands between `|` is there once, as titles are;
    "categorical" otherwise. Raises ModelError for lists of texts, which could be used if they were joined.
    """
    from pandas.api.types import infer_dtype

    found = {}
    for name in table.columns:
        inferred = infer_dtype(table[name], skipna=True)
        kind = _of_text(table[name]) if inferred == "string" else KINDS.get(inferred)
        if inferred == "mixed" and table[name].dropna().map(_are_texts).all():
            raise ModelError(
                f"{name} holds lists of texts: join them with items[{name!r}].str.join('|'), or leave it out"
            )
        if name not in NO_LIKENESS and kind:
            found[name] = kind
    return found


def _of_text(column: "pd.Series") -> str:
    cells = column.dropna().astype(str)
    parts = cells.str.split("|").explode()
    wordy = cells.str.strip().str.contains(" ", regex=False).mean() > 0.5
    return TEXT if wordy and parts.nunique() > len(parts) / 2 else CATEGORICAL


def _are_texts(cell: Any) -> bool:
    return isinstance(cell, list | tuple | np.ndarray) and all(isinstance(each, str) for each in cell)
