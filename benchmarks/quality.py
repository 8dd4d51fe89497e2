"""Recommenders side by side: same data, same split, same machine, same run.

    python benchmarks/quality.py data/sample/interactions.csv
    python benchmarks/quality.py --online-retail PATH_TO/online-retail.parquet
    python benchmarks/quality.py FILE --protocol leave-last-out --seed 3

FILE is CSV or Parquet with USER_ID, ITEM_ID and TIMESTAMP. Nothing is tuned on the held-out users: NextItem chooses its
settings inside the training users, and ALS gets the settings named below for any data.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from recsys import metrics
from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.models import ItemSimilarity, NextItem, Popularity, Sequences
from recsys.models.next_item.features import own_share
from recsys.models.protocol import Split, leave_last_out, personalize_split
from recsys.models.topk import top_k

DEPTH = 25
PROTOCOLS = {"personalize": personalize_split, "leave-last-out": lambda seqs, seed: leave_last_out(seqs)}


@dataclass(frozen=True)
class Result:
    """One model's lists (n, DEPTH) for all queries and the seconds it trained."""

    name: str
    codes: np.ndarray
    seconds: float


def main() -> None:
    """Parse, measure, print."""
    options = parse()
    interactions = online_retail(options.online_retail) if options.online_retail else read(options.file)
    seqs = Sequences.from_interactions(interactions)
    split = PROTOCOLS[options.protocol](seqs, options.seed)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {options.threads} threads, python {platform.python_version()}"
    )
    print(f"{seqs.n_events:,} events, {seqs.n_users:,} users, {seqs.n_items:,} items")
    print(f"protocol {options.protocol}, seed {options.seed}: {len(split.targets):,} tested, top {DEPTH}\n")
    results = [result for run in MODELS for result in run(split, options)]
    print(table(results, split, options.seed))
    print(conclusion(results, split, options.seed))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="interactions: CSV or Parquet, Personalize's columns")
    source.add_argument("--online-retail", type=Path, metavar="PATH", help="UCI Online Retail as Parquet, uncleaned")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="personalize")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the models and the bootstrap (0)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the matrix products (2)")
    return parser.parse_args()


def read(path: Path) -> pd.DataFrame:
    """Interactions as they are; ids stay text."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype={USER_ID: str, ITEM_ID: str}, keep_default_na=False)


def online_retail(path: Path) -> pd.DataFrame:
    """The minimal cleaning everybody does: no unknown customer, cancellation, quantity or price of zero or less."""
    rows = pd.read_parquet(path)
    cancelled = rows["InvoiceNo"].astype(str).str.startswith("C")
    sold = rows["CustomerID"].notna() & ~cancelled & (rows["Quantity"] > 0) & (rows["UnitPrice"] > 0)
    rows = rows[sold]
    since = pd.to_datetime(rows["InvoiceDate"]) - pd.Timestamp(0)
    return pd.DataFrame(
        {
            USER_ID: rows["CustomerID"].astype(int).astype(str),
            ITEM_ID: rows["StockCode"].astype(str),
            TIMESTAMP: since.dt.total_seconds().astype("int64"),
        }
    )


def random_lists(split: Split, options: argparse.Namespace) -> list[Result]:
    """Any 25 items, each alike."""
    rng = np.random.default_rng(options.seed)
    scores = rng.random((len(split.targets), split.train.n_items), dtype=np.float32)
    return [Result("random", top_k(scores, DEPTH)[0], 0.0)]


def plain_habits(split: Split, options: argparse.Namespace) -> list[Result]:
    """What a user had most often, and what a user had last; popularity fills the list."""
    popular = Popularity.fit(split.train).counts
    popular = 1e-6 * popular / popular.max()
    habits = {"own frequency": 0.0, "last own item": 4.0}  # decay 4: an older item never overtakes a newer one
    return [Result(name, _own(split, decay, popular), 0.0) for name, decay in habits.items()]


def _own(split: Split, decay: float, popular: np.ndarray) -> np.ndarray:
    """Lists by own share, (n, DEPTH); a decay above 1 ranks items by their latest event instead of adding them up."""
    rows = []
    for history in split.histories:
        scores = popular.astype(np.float64)
        events = own_share([history], decay)
        (np.maximum.at if decay > 1 else np.add.at)(
            scores, events.codes, 1 + events.values if decay > 1 else events.values
        )
        rows.append(top_k(scores[None], DEPTH)[0][0])
    return np.stack(rows)


def fitted(name: str, fit: Callable[[Split, argparse.Namespace], Popularity | ItemSimilarity | NextItem]):
    """A runner for one of our models."""

    def run(split: Split, options: argparse.Namespace) -> list[Result]:
        start = time.perf_counter()
        model = fit(split, options)
        seconds = time.perf_counter() - start
        if model.trials:
            print(f"{name}: {len(model.trials)} settings tried, chose {model.settings}\n")
        return [Result(name, model.recommend(split.histories, DEPTH)[0], seconds)]

    return run


def als(split: Split, options: argparse.Namespace) -> list[Result]:
    """implicit's ALS, 64 factors, users folded in; nothing where it is not installed."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError:
        print("implicit is not installed: ALS left out\n")
        return []
    start = time.perf_counter()
    model = AlternatingLeastSquares(factors=64, random_state=options.seed, num_threads=options.threads)
    model.fit(_counts(split.train.histories(), split.train.n_items), show_progress=False)
    seconds = time.perf_counter() - start
    queries = _counts(split.histories, split.train.n_items)
    users = np.arange(len(split.histories))
    codes, _ = model.recommend(users, queries, DEPTH, filter_already_liked_items=False, recalculate_user=True)
    return [Result("implicit ALS 64", codes, seconds)]


def _counts(histories: list[np.ndarray], n_items: int) -> sparse.csr_matrix:
    """(n, n_items) how often each item is in each history."""
    rows = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
    codes = np.concatenate(histories)
    return sparse.csr_matrix((np.ones(len(codes), np.float32), (rows, codes)), (len(histories), n_items))


MODELS = (
    random_lists,
    fitted("popularity", lambda split, options: Popularity.fit(split.train)),
    plain_habits,
    fitted("item similarity", lambda split, options: ItemSimilarity.fit(split.train)),
    als,
    fitted("next item", lambda split, options: NextItem.fit(split.train, options.seed, options.threads)),
)


def table(results: list[Result], split: Split, seed: int) -> str:
    """One line a model: mean and 95 % bootstrap interval of each metric."""
    measures: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "NDCG@10": lambda codes: metrics.ndcg_at(codes, split.targets, 10),
        "NDCG@10 own hits": lambda codes: metrics.own_hits_ndcg_at(codes, split.targets, 10),
        "MRR@25": lambda codes: metrics.reciprocal_rank(codes, split.targets),
        "precision@10": lambda codes: metrics.precision_at(codes, split.targets, 10),
    }
    lines = [f"{'':16}" + "".join(f"{name:>26}" for name in measures) + f"{'coverage@25':>13}{'train s':>9}"]
    for result in results:
        cells = [f"{metrics.bootstrap(measure(result.codes), seed)!s:>26}" for measure in measures.values()]
        share = metrics.coverage(result.codes, split.train.n_items)
        lines.append(f"{result.name:16}" + "".join(cells) + f"{share:>13.3f}{result.seconds:>9.1f}")
    return "\n".join(lines)


def conclusion(results: list[Result], split: Split, seed: int) -> str:
    """NextItem's NDCG@10 over each other model's, users resampled in pairs."""
    values = {result.name: metrics.ndcg_at(result.codes, split.targets, 10) for result in results}
    ours = values.pop("next item")
    ratios = [f"  {name:16} x {metrics.bootstrap_ratio(ours, theirs, seed)}" for name, theirs in values.items()]
    return "\nnext item's NDCG@10 over that of:\n" + "\n".join(ratios)


if __name__ == "__main__":
    main()
