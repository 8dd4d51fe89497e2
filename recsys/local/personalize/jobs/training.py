"""In the worker: a group's interactions become a fitted model, its metrics and the log of what was tried.

Personalize's protocol: a tenth of the users are set aside whole, the model is fitted on the rest and scored on them;
then the model that serves is fitted on everyone. `trials.json` beside the model lists every setting tried.
"""

import json
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from recsys.columns import EVENT_TYPE, EVENT_VALUE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.local.personalize.recipes import RECIPES
from recsys.local.personalize.selection import Selection
from recsys.metrics import personalize_metrics
from recsys.models import ItemSimilarity, NextItem, Popularity, Sequences
from recsys.models.protocol import Split, personalize_split

SIMILARITY = {"popularity_discount_factor": float, "min_cointeraction_count": int}
MIN_INTERACTIONS, MIN_USERS, MIN_SHARE = 1000, 25, 0.01
SEED = 0


class TrainingFailed(Exception):
    """Why a solution version fails, as its failureReason says it."""


def train(spec: dict[str, Any]) -> dict[str, Any]:
    """Train per `spec` (control/training.py).

    Returns the members a finished solution version has, or `{"failureReason"}`. `folder` appears whole or not at all.
    """
    started = time.monotonic()
    try:
        selection = Selection.of(spec["eventType"], spec["config"])
        interactions = select(read_interactions(spec), selection)
        check_minimums(interactions, selection)
        members = fit(spec, interactions)
    except TrainingFailed as error:
        return {"failureReason": str(error)}
    return {**members, "trainingHours": round((time.monotonic() - started) / 3600, 6)}


def read_interactions(spec: dict[str, Any]) -> pd.DataFrame:
    """Bulk interactions and events of one group, exact duplicates once."""
    columns = [USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE]
    frames = [read_events(Path(spec["events"]), spec["group"])]
    if spec["files"].get("INTERACTIONS"):
        present = [name for name in columns if name in pq.read_schema(spec["files"].get("INTERACTIONS")).names]
        frames.insert(0, pd.read_parquet(spec["files"].get("INTERACTIONS"), columns=present))
    frames = [frame.reindex(columns=columns) for frame in frames if len(frame)]
    if not frames:
        return pd.DataFrame(columns=columns)
    return pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)


def read_events(path: Path, group: str) -> pd.DataFrame:
    """Events with an item, as interactions; those of a session without a user belong to the user it later had."""
    if not path.exists():
        return pd.DataFrame()
    query = "SELECT session, user, item, sent, type, value FROM events WHERE dataset_group = ? ORDER BY number"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        rows = connection.execute(query, (group,)).fetchall()
    finally:
        connection.close()
    user_of = {session: user for session, user, *_ in rows if user}
    return pd.DataFrame(
        [
            (user or user_of.get(session, session), item, int(sent), kind, value)
            for session, user, item, sent, kind, value in rows
            if item
        ],
        columns=[USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE],
    )


def select(interactions: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """The interactions the solution learns from."""
    if selection.everything or interactions.empty:
        return interactions
    codes, types = pd.factorize(interactions[EVENT_TYPE].fillna(""))
    values = interactions[EVENT_VALUE].to_numpy(np.float64, na_value=np.nan)
    return interactions[selection.mask(list(types), codes, values)]


def check_minimums(interactions: pd.DataFrame, selection: Selection) -> None:
    """Personalize's minimum data. Raises TrainingFailed with the documented messages."""
    if len(interactions) < MIN_INTERACTIONS:
        after = "" if selection.everything else f" after filtering by event type: {selection.name}"
        raise TrainingFailed(f"Dataset has fewer than {MIN_INTERACTIONS} interactions{after or '.'}")
    per_user = interactions.groupby(USER_ID, sort=False).size()
    with_two = int((per_user >= 2).sum())
    if with_two < MIN_USERS:
        message = f"Create failed. Dataset has fewer than {MIN_USERS} users with at least 2 interactions each."
        raise TrainingFailed(message)
    if with_two < MIN_SHARE * len(per_user):
        raise TrainingFailed("Create failed. Dataset has fewer than 1% of users with at least 2 interactions each.")


def fit(spec: dict[str, Any], interactions: pd.DataFrame) -> dict[str, Any]:
    """Evaluate, fit on everything, and put the artefacts in their place at once."""
    sequences = Sequences.from_interactions(interactions)
    trials: list[dict[str, Any]] = []
    hyperparameters = spec["config"].get("algorithmHyperParameters", {})
    split = personalize_split(sequences, seed=SEED)
    tested = fit_model(RECIPES[spec["recipe"]].engine, hyperparameters, trials, split.train)
    metrics = evaluate(tested, split, catalogue_size(spec["files"].get("ITEMS"), interactions))
    model = fit_model(RECIPES[spec["recipe"]].engine, hyperparameters, trials, sequences, tested)
    folder = Path(spec["folder"])
    draft = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    draft.mkdir(parents=True)
    model.save(draft / "model")
    Popularity.fit(sequences).save(draft / "popular")
    (draft / "trials.json").write_text(json.dumps(trials, indent=1, default=str))
    draft.rename(folder)
    tuned = {str(name): str(value) for name, value in model.settings.items()}
    return {"_metrics": metrics, "_folder": str(folder), "tunedHPOParams": {"algorithmHyperParameters": tuned}}


def evaluate(model: Popularity | ItemSimilarity | NextItem, split: Split, n_items: int) -> dict[str, float]:
    """AWS's eight metrics on users the model has not seen: what it would have answered before their newest events.

    Related items are asked for the user's last item, as a campaign would be.
    """
    if isinstance(model, ItemSimilarity):
        codes = np.stack([model.similar(int(history[-1]), 25)[0] for history in split.histories])
    else:
        codes, _ = model.recommend(split.histories, 25)
    return {key: float(value) for key, value in personalize_metrics(codes, split.targets, n_items).items()}


def catalogue_size(items: str | None, interactions: pd.DataFrame) -> int:
    """Unique items in the Interactions and Items datasets, as Personalize's coverage counts them."""
    known = set(interactions[ITEM_ID])
    if items:
        known |= set(pq.read_table(items, columns=[ITEM_ID])[ITEM_ID].to_pylist())
    return len(known)


def fit_model(
    name: str,
    hyperparameters: dict[str, str],
    trials: list[dict[str, Any]],
    sequences: Sequences,
    tested: Any = None,
) -> Popularity | ItemSimilarity | NextItem:
    """The recipe's model. aws-sims honours its two hyperparameters.

    The next-item model tunes itself and logs each trial; given the one that was tested, it takes over its settings.
    """
    if name == "popularity":
        return Popularity.fit(sequences)
    if name not in ("similar", "next"):
        raise TrainingFailed(f"This engine does not train {name} models.")
    if name == "similar":
        given = {key: read(hyperparameters[key]) for key, read in SIMILARITY.items() if key in hyperparameters}
        return ItemSimilarity.fit(sequences, **given)
    settings = tested.chosen if tested else None
    return NextItem.fit(sequences, SEED, os.cpu_count() or 1, trials.append, settings=settings)
