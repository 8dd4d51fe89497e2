"""New items and new users: who is shown an item nobody has touched, and what one click tells of a stranger.

    python -m benchmarks.newcomers
    python -m benchmarks.newcomers data/raw/online-retail.parquet --folds 3 --json newcomers.json

Without FILE: the sample shop, whose ground truth says how likely each user is to click an item next. A random tenth of
its items loses every event and comes back as a row of metadata, just created; what the local Personalize trains and
answers then is held against the truth; and users held out whole are told apart by their metadata alone. With FILE (see
benchmarks/files.py), and for the sample too: users held out whole, who come with none, one or a few events.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.files import read
from benchmarks.recommenders import NEXT_ITEM, RECOMMENDERS
from benchmarks.tables import BOUND, Table, auc, compared, mean, report
from benchmarks.tuning import Task
from recsys import metrics
from recsys.columns import CREATION_TIMESTAMP, EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, VIEW
from recsys.data.generate import SAMPLE, generate
from recsys.data.shop import Shop
from recsys.errors import RecsysError
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.jobs import training
from recsys.local.personalize.jobs.offline import read_deployment
from recsys.local.personalize.serving import recommend as serving
from recsys.local.personalize.serving.deployment import Deployment
from recsys.local.personalize.serving.engines import Asked
from recsys.models import NextItem, Popularity, Sequences
from recsys.models.protocol import Split
from recsys.models.topk import top_k
from recsys.train.schemas import schema

CLICKS = (0, 1, 2, 3, 5)
STRANGERS = ("popularity", "last own item", "item similarity", NEXT_ITEM)
OURS = "next item with metadata"
BY_METADATA = "next item with users' metadata"
PLACES = 25  # of a list
BEST = 3  # new items a user is shown
OF_USERS = ("lift of a user's items", "places of a list")  # values of users, where others are values of new items
RECIPE = "aws-user-personalization"
CAMPAIGNS = {  # as a campaign has them
    "version 1, no exploration": (RECIPE, {"itemExplorationConfig": {"explorationWeight": "0"}}),
    "version 1, weight 0.3": (RECIPE, {}),
    "version 2": (f"{RECIPE}-v2", {}),
}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", help="interactions; the sample shop and its truth without")
    parser.add_argument("--repetitions", type=int, default=5, help="times that a tenth of the items is new (5)")
    parser.add_argument("--folds", type=int, default=5, help="parts of the users, each held out once (5)")
    parser.add_argument("--name", help="what the data is called in the results")
    parser.add_argument("--json", type=Path, help="write the results here, for benchmarks.tables")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of a model (all cores)")
    options = parser.parse_args()
    tables = []
    try:
        if options.file:
            source = read(options.file)
            name, interactions = source.name, source.interactions
        else:
            shop = generate(**SAMPLE)
            name, interactions = "sample", shop.interactions
            tables += new_items(shop, options.repetitions, options.seed)
            tables.append(new_users_by_metadata(shop, options.folds, options.seed, options.threads))
        sequences = Sequences.from_interactions(interactions)
        tables.append(new_users(sequences, options.folds, options.seed, options.threads))
    except RecsysError as error:
        sys.exit(f"error: {error}")
    report(f"{options.name or name}: newcomers", options.seed, options.threads, tables, options.json)


def new_items(shop: Shop, repetitions: int, seed: int) -> list[Table]:
    """Whether new items find the users who want them: by their scores, and by the lists that are answered."""
    scored: dict[str, list[dict[str, np.ndarray]]] = {}
    listed: dict[str, list[dict[str, np.ndarray]]] = {}
    serving.RNG = np.random.default_rng(seed)  # the same exploration every time
    for rng in np.random.default_rng(seed).spawn(repetitions):
        new = np.sort(rng.permutation(len(shop.item_ids))[: len(shop.item_ids) // 10])
        truth = next_clicks(shop, new)
        with tempfile.TemporaryDirectory(prefix="recsys-newcomers-") as folder:
            spec = trained(shop, new, Path(folder))
            for name, scores in placements(shop, new, spec, truth, rng).items():
                scored.setdefault(name, []).append(by_scores(scores, truth))
            for name, (recipe, config) in CAMPAIGNS.items():
                listed.setdefault(name, []).append(by_lists(lists(shop, new, deployed(spec, recipe, config)), truth))
    about = (
        f"A tenth of the items, drawn {repetitions} times, has no event and is a row of metadata just created. Truth: "
        "the probability that a user's next visit begins with that item. "
    )
    return [
        compared(
            "New items by score",
            f"{about}Lifts: the mean truth of the tenth of the users who score highest for an item, and of the {BEST} "
            "new items that score highest for a user, over that of all. AUC: how often one of the tenth of the users "
            "who want an item most has a higher score for it than another user.",
            pooled(scored),
            OURS,
        ),
        compared(
            "New items in lists",
            f"{about}Lists of {PLACES}, as campaigns of the two recipes answer them. Lift: the mean truth of the users "
            "who are shown an item over that of all users.",
            pooled(listed),
        ),
    ]


def pooled(found: dict[str, list[dict[str, np.ndarray]]]) -> dict[str, dict[str, np.ndarray]]:
    """The values of all repetitions: of users their mean, as they are the same ones, of new items one after another."""
    return {
        name: {
            column: (np.mean if column in OF_USERS else np.concatenate)([each[column] for each in repetitions], axis=0)
            for column in repetitions[0]
        }
        for name, repetitions in found.items()
    }


def next_clicks(shop: Shop, new: np.ndarray) -> np.ndarray:
    """(n_users, n_new): how likely each user's next visit is to begin with each new item, had the past been without."""
    clicks = shop.interactions[shop.interactions[EVENT_TYPE] == VIEW]
    clicks = clicks[~clicks[ITEM_ID].isin(shop.item_ids[new])].sort_values(TIMESTAMP, kind="stable")
    histories = clicks.groupby(USER_ID)[ITEM_ID].agg(list)
    now = int(shop.interactions[TIMESTAMP].max())
    users = shop.users[USER_ID]
    return np.stack([shop.next_probabilities(user, histories.get(user, []), now, True)[new] for user in users])


def trained(shop: Shop, new: np.ndarray, folder: Path) -> dict[str, Any]:
    """The spec of a training of the local Personalize that was done: new items have metadata and no interactions."""
    events = shop.interactions[~shop.interactions[ITEM_ID].isin(shop.item_ids[new])]
    items = shop.items.copy()
    items.loc[new, CREATION_TIMESTAMP] = shop.interactions[TIMESTAMP].max()
    files, schemas = {}, {}
    for kind, table in (("Interactions", events.sort_values([USER_ID, TIMESTAMP], kind="stable")), ("Items", items)):
        files[kind.upper()], schemas[kind.upper()] = str(folder / f"{kind}.parquet"), schema(kind, list(table.columns))
        table.drop_duplicates().to_parquet(files[kind.upper()], index=False)
    EventLog(folder / "events.sqlite").close()
    spec = {"group": "", "files": files, "schemas": schemas, "datasets": {}, "events": str(folder / "events.sqlite")}
    asked = {"recipe": f"{RECIPE}-v2", "config": {}, "eventType": None, "performHPO": False}
    training.train(spec | asked | {"folder": str(folder / "version")})
    return spec | {"folder": str(folder / "version")}


def deployed(spec: dict[str, Any], recipe: str, config: dict[str, Any]) -> Deployment:
    """A campaign of the trained version."""
    solution = {"recipeArn": f"arn:aws:personalize:::recipe/{recipe}"}
    return read_deployment(spec | {"solution": solution, "config": config})


def placements(
    shop: Shop, new: np.ndarray, spec: dict[str, Any], truth: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Scores (n_users, n_new) of the new items for each user: ours, and what they are held against."""
    deployment = deployed(spec, RECIPE, {})
    codes = [deployment.catalogue.code_of[item] for item in shop.item_ids[new]]
    ours = np.stack([deployment.engine.scores(Asked(user=user))[codes] for user in shop.users[USER_ID]])
    kinds = shop.truth.category
    events = shop.interactions[~shop.interactions[ITEM_ID].isin(shop.item_ids[new])]
    kind = pd.Series(kinds, index=shop.item_ids)[events[ITEM_ID]].to_numpy()
    own = np.zeros((len(shop.users), kinds.max() + 1))
    np.add.at(own, (pd.Index(shop.users[USER_ID]).get_indexer(events[USER_ID]), kind), 1)
    popular = np.bincount(kind, minlength=own.shape[1]) / len(events)
    content = deployment.artefacts.content
    row_of = {item: row for row, item in enumerate(content.item_ids)}
    vectors = content.rows.take([row_of[item] for item in deployment.catalogue.ids]).toarray()
    had = [vectors[deployment.histories.of(user)] for user in shop.users[USER_ID]]
    taste = np.stack([rows.sum(axis=0) / max(1, len(rows)) for rows in had])
    return {
        "random": rng.random(truth.shape),
        "popularity of the category": np.tile(popular[kinds[new]], (len(truth), 1)),
        "own share of the category": (own / np.maximum(1, own.sum(axis=1, keepdims=True)) + popular / 1e6)[
            :, kinds[new]
        ],
        "likeness to the history": taste @ vectors[codes].T,
        OURS: ours,
        BOUND: truth,
    }


def by_scores(scores: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """AUC and lift of each item's users (n_new,), lift of each user's items (n_users,), by scores (n_users, n_new)."""
    tenth = max(1, len(truth) // 10)
    wanted = truth >= np.sort(truth, axis=0)[-tenth]
    users, _ = top_k(scores.T, tenth)
    items, _ = top_k(scores, BEST)
    return {
        "lift of its users": np.take_along_axis(truth.T, users, 1).mean(1) / truth.mean(0),
        "lift of a user's items": np.take_along_axis(truth, items, 1).mean(1) / truth.mean(),
        "AUC": np.array([auc(row, yes) for row, yes in zip(scores.T, wanted.T, strict=True)]),
    }


def lists(shop: Shop, new: np.ndarray, deployment: Deployment) -> np.ndarray:
    """(n_users, n_new) bool: who is shown which new item in a list of PLACES."""
    place = {item: number for number, item in enumerate(shop.item_ids[new])}
    shown = np.zeros((len(shop.users), len(new)), bool)
    for row, user in zip(shown, shop.users[USER_ID], strict=True):
        answer = serving.recommend(deployment, Asked(user=user), PLACES, None)
        row[[place[entry["itemId"]] for entry in answer if entry["itemId"] in place]] = True
    return shown


def by_lists(shown: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """How many places new items get, which get any, and how much who is shown one, (n_users, n_new) bool, wants it."""
    lift = np.where(shown, truth, 0).sum(0) / np.maximum(1, shown.sum(0)) / truth.mean(0)
    return {
        "places of a list": shown.sum(1) / 1.0,
        "share of items shown": shown.any(0) / 1.0,
        "lift of its users": np.where(shown.any(0), lift, np.nan),
    }


def new_users_by_metadata(shop: Shop, folds: int, seed: int, threads: int) -> Table:
    """Users held out whole, before their first event: its NDCG@10 by what is popular, and by what is known of them."""
    seqs, known = Sequences.from_interactions(shop.interactions), shop.users.set_index(USER_ID)
    part = np.random.default_rng(seed).permutation(seqs.n_users) % folds
    values: dict[str, list[np.ndarray]] = {"popularity": [], BY_METADATA: []}
    for fold in range(folds):
        train, held = (seqs.select(np.flatnonzero(users)) for users in (part != fold, part == fold))
        popular = Popularity.fit(train).recommend([[]] * held.n_users, 10)[0]
        model = NextItem.fit(train, seed, threads, users=shop.users)
        told = [model.for_user(known.loc[user].to_dict()).recommend([[]], 10)[0] for user in held.user_ids]
        targets = [history[:1] for history in held.histories()]
        for name, codes in (("popularity", popular), (BY_METADATA, np.concatenate(told))):
            values[name].append(metrics.ndcg_at(codes, targets, 10))
    about = (
        f"The first event of the {seqs.n_users:,} users, each held out whole once in {folds} folds. Known of a user: "
        f"{', '.join(known.columns)}."
    )
    found = {name: {"NDCG@10": np.concatenate(each)} for name, each in values.items()}
    return compared("New users by metadata", about, found, BY_METADATA, seed)


def new_users(seqs: Sequences, folds: int, seed: int, threads: int) -> Table:
    """Users held out whole, after their first few events: the next one's NDCG@10, and what the last one changed."""
    able = np.flatnonzero(seqs.lengths > max(CLICKS))
    part = np.random.default_rng(seed).permutation(len(able)) % folds
    found = [strangers(seqs, able[part == fold], seed, threads) for fold in range(folds)]
    about = (
        f"NDCG@10 of the next event of the {len(able):,} users with more than {max(CLICKS)} events, each held out "
        f"whole once in {folds} folds. Seen items are kept. Against an event earlier: {NEXT_ITEM} over itself without "
        "the newest event. Changed: the share of users whose ten first items are others then, or in another order."
    )
    rows = {}
    for clicks in CLICKS:
        values = {name: np.concatenate([each[clicks][name] for each in found]) for name in found[0][clicks]}
        ours = values[NEXT_ITEM]
        row = {name: mean(values[name], seed) for name in STRANGERS}
        row[f"{NEXT_ITEM} against popularity"] = metrics.bootstrap_ratio(ours, values["popularity"], seed)
        if clicks:
            row["against an event earlier"] = metrics.bootstrap_ratio(ours, values["before"], seed)
            row["changed"] = mean(values["changed"], seed)
        rows[f"after {clicks}"] = row
    return Table("New users", about, rows)


def strangers(seqs: Sequences, users: np.ndarray, seed: int, threads: int) -> dict[int, dict[str, np.ndarray]]:
    """For each number of clicks, each model's NDCG@10 (n,) of the next event; and NextItem's without the last click."""
    train = seqs.select(np.setdiff1d(np.arange(seqs.n_users), users))
    histories = seqs.select(users).histories()
    task = Task(Split(train, [], []), "personalize", False, seed, threads)
    found: dict[int, dict[str, np.ndarray]] = {clicks: {} for clicks in CLICKS}
    for name in STRANGERS:
        ask, _ = RECOMMENDERS[name](task)
        for clicks, values in found.items():
            after = ask([history[:clicks] for history in histories])[:, :10]
            targets = [history[clicks : clicks + 1] for history in histories]
            values[name] = metrics.ndcg_at(after, targets, 10)
            if name == NEXT_ITEM and clicks:
                before = ask([history[: clicks - 1] for history in histories])[:, :10]
                values["before"] = metrics.ndcg_at(before, targets, 10)
                values["changed"] = (before != after).any(axis=1) / 1.0
    return found


if __name__ == "__main__":
    main()
