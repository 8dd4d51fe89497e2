"""What the columns of a table of items are: categories, numbers or text, as far as it can be seen."""

from typing import TYPE_CHECKING

from recsys.columns import CREATION_TIMESTAMP, ITEM_ID
from recsys.models.content.metadata import CATEGORICAL, NUMBER, TEXT

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

NO_LIKENESS = {ITEM_ID, CREATION_TIMESTAMP}
KINDS = {  # by what pandas infers from the cells
    "boolean": CATEGORICAL,
    "categorical": CATEGORICAL,
    "integer": NUMBER,
    "floating": NUMBER,
    "mixed-integer-float": NUMBER,
    "decimal": NUMBER,
}


def kinds_of(items: "pd.DataFrame") -> dict[str, str]:
    """The kind of each column but ITEM_ID and CREATION_TIMESTAMP; those of dates, lists and mixtures are left out.

    Text is "text" where most cells have several words and most of what stands between `|` is there once, as titles are;
    "categorical" otherwise.
    """
    from pandas.api.types import infer_dtype

    found = {}
    for name in items.columns:
        inferred = infer_dtype(items[name], skipna=True)
        kind = _of_text(items[name]) if inferred == "string" else KINDS.get(inferred)
        if name not in NO_LIKENESS and kind:
            found[name] = kind
    return found


def _of_text(column: "pd.Series") -> str:
    cells = column.dropna().astype(str)
    parts = cells.str.split("|").explode()
    wordy = cells.str.strip().str.contains(" ", regex=False).mean() > 0.5
    return TEXT if wordy and parts.nunique() > len(parts) / 2 else CATEGORICAL
