"""What accuracy hides of the lists, at 10: how much of the catalogue they show, how new, popular, varied and true.

coverage     distinct items shown to anybody / items of the catalogue
Gini         of how often each item is shown: 0 all alike, towards 1 always the same few
novelty      mean over a list's items of log2(users / users who touched the item), bits
popularity   mean over a list's items of the share of users who touched it
diversity    1 - mean cosine of a list's pairs of items, by who touched both; by category, by their categories
off taste    Steck's miscalibration: Kullback and Leibler's divergence of a list's categories from the history's; 0 best
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from recsys import metrics
from recsys.columns import ITEM_ID
from recsys.data.files import require_file
from recsys.errors import DataError
from recsys.models import Sequences
from recsys.models.protocol import Split
from recsys.models.sequences import seen_table, unique_users

K = 10
SIMILAR_ITEMS = 10_000  # a larger table of pairs of items may take more than a GB
CATEGORY = "CATEGORY"


@dataclass(frozen=True)
class Catalogue:
    """What lists are held against: of the training data, and the categories of the items where they are known."""

    popularity: np.ndarray
    n_users: int
    similarity: sparse.csr_array | None
    categories: sparse.csr_array | None

    @classmethod
    def of(cls, seqs: Sequences, categories: sparse.csr_array | None = None) -> "Catalogue":
        """categories: (n_items, n_categories), 1 where the item belongs."""
        similarity = cosines(seqs) if seqs.n_items <= SIMILAR_ITEMS else None
        return cls(unique_users(seqs), seqs.n_users, similarity, categories)

    def like(self, codes: np.ndarray, split: Split, seed: int = 0) -> dict[str, metrics.Interval]:
        """What the lists (n, K or more) are like, with 95 % intervals over the users; nothing of what is not known."""
        top, n_items = codes[:, :K], len(self.popularity)
        per_user = {
            "novelty": metrics.novelty(top, self.popularity, self.n_users),
            "popularity": metrics.popularity(top, self.popularity / self.n_users),
        }
        if self.similarity is not None:
            per_user["diversity"] = metrics.diversity(top, self.similarity)
        if self.categories is not None:
            per_user["diversity by category"] = metrics.feature_diversity(top, self.categories)
            per_user["off taste"] = metrics.calibration(top, split.histories, self.categories)
        catalogue = {
            "coverage": metrics.coverage_interval(top, n_items),
            "Gini": metrics.exposure_gini_interval(top, n_items),
        }
        return catalogue | {name: metrics.bootstrap(values, seed) for name, values in per_user.items()}


def cosines(seqs: Sequences) -> sparse.csr_array:
    """(n_items, n_items) cosines of who touched both."""
    touched = sparse.csr_array(seen_table(seqs.histories(), seqs.n_items) > 0, dtype=np.float32)
    scale = 1 / np.sqrt(np.maximum(1, touched.sum(axis=0)))
    unit = sparse.csr_array(touched * scale[None, :])
    return sparse.csr_array(unit.T @ unit)


def categories(path: Path, item_ids: np.ndarray) -> sparse.csr_array:
    """(n_items, n_categories) from a table with ITEM_ID and CATEGORY, `|` between several, or MovieLens' movies.dat.

    An item that is not in it has none. Raises DataError where there are no such columns.
    """
    require_file(path)
    if path.suffix == ".dat":
        text, form = path.read_text(encoding="latin-1").replace("::", "\t"), {"names": [ITEM_ID, "TITLE", CATEGORY]}
        table = pd.read_csv(io.StringIO(text), sep="\t", dtype="str", **form)
    else:
        table = pd.read_csv(path, dtype="str")
    missing = {ITEM_ID, CATEGORY} - set(table.columns)
    if missing:
        raise DataError(f"{path}: no column {' and '.join(sorted(missing))}; there are {', '.join(table.columns)}")
    flags = table.drop_duplicates(ITEM_ID).set_index(ITEM_ID)[CATEGORY].str.get_dummies("|")
    return sparse.csr_array(flags.reindex(item_ids.astype(str), fill_value=0).to_numpy(np.float64))
