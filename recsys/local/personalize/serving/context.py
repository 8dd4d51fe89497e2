"""What a user's context says about items, and what a new user's metadata say.

The odds of an item are multiplied by its lift (recsys.models.cold.lifts), learned from the interactions the model
was trained on, for every value that is known: of the contextual columns of the Interactions dataset that the request's
context names, and, for a user without history, of the columns of the Users dataset.

[AWS says that both are learned with the rest and does not say how. Columns and values that training has not seen have
no effect, as programs send more context than their schema knows.]
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.local.personalize.filters import Table
from recsys.local.personalize.schemas import TYPES, Field, plain
from recsys.local.personalize.serving.group import Interactions, coded

if TYPE_CHECKING:
    from recsys.models.cold.lifts import Lifts  # slow to import

Columns = Mapping[str, "Lifts"]


def context_columns(
    bulk: Interactions, kept: np.ndarray, items: np.ndarray, n_items: int, fields: Mapping[str, Field]
) -> Columns:
    """The contextual columns, by names as programs may write them (schemas.plain).

    kept (n_bulk,): the interactions that count; items (n_kept,): their codes.
    """
    names = [name for name in _usable(fields, "Interactions") if bulk.file and name in pq.read_schema(bulk.file).names]
    if not names:
        return {}
    table = pq.read_table(bulk.file, columns=names).filter(pa.array(kept))
    return {plain(name): _lifts(table[name], items, n_items, fields[name]) for name in names}


def user_columns(
    bulk: Interactions, kept: np.ndarray, items: np.ndarray, n_items: int, users: Table, fields: Mapping[str, Field]
) -> Columns:
    """Those `fields` of the Users dataset by name, each interaction with the value of its user."""
    events = np.diff(np.r_[0, np.cumsum(kept)][bulk.offsets])
    columns = {}
    for name in _usable(fields, "Users"):
        values = pa.array([users.value(user, name) for user in bulk.users]).take(
            pa.array(np.repeat(np.arange(len(events)), events))
        )
        if values.null_count < len(values):
            columns[name] = _lifts(pa.chunked_array([values]), items, n_items, fields[name])
    return columns


def _lifts(values: pa.ChunkedArray, items: np.ndarray, n_items: int, field: Field) -> "Lifts":
    """Of a column's values (n,), one per interaction, null where unknown; items (n,): codes below n_items."""
    from recsys.models.cold.lifts import Lifts  # slow to import: loaded with the model

    return Lifts.fit(*coded(values), items, n_items, field.numeric)


def _usable(fields: Mapping[str, Field], kind: str) -> list[str]:
    """Metadata columns that training uses: numbers and categories."""
    own = {*TYPES[kind].required, *TYPES[kind].reserved}
    return [name for name, each in fields.items() if name not in own and (each.numeric or each.categorical)]
