"""From tables to a trained solution version: schemas, imports, solutions, and how good the result is."""

from recsys.train.evaluate import MODEL, POPULARITY, RANDOM, Comparison, compare, side_by_side
from recsys.train.imports import import_table, upload
from recsys.train.schemas import DATASETS, ensure_dataset, ensure_dataset_group, ensure_schema, fields_table, schema
from recsys.train.solutions import POPULARITY_COUNT, await_training, begin_training, ensure_solution, metrics

__all__ = [
    "DATASETS",
    "MODEL",
    "POPULARITY",
    "POPULARITY_COUNT",
    "RANDOM",
    "Comparison",
    "await_training",
    "begin_training",
    "compare",
    "ensure_dataset",
    "ensure_dataset_group",
    "ensure_schema",
    "ensure_solution",
    "fields_table",
    "import_table",
    "metrics",
    "schema",
    "side_by_side",
    "upload",
]
