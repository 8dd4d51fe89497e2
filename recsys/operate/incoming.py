"""What came in since the training, and the folder where the next retraining finds it (recsys/infra/retraining.yaml)."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from recsys import aws
from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.files import sha256

FOLDER = "tables/incoming/interactions"
LEAST = 1_000  # interactions that Personalize adds at once, at least


def news(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How much each part of the interactions brings, and how much of it is new to the first, which was trained on.

    Columns part, events, users, new users, items, new items, from, to; a row per part.
    """
    known = next(iter(parts.values()))
    return pd.DataFrame([{"part": name, **_facts(part, known)} for name, part in parts.items()])


def _facts(part: pd.DataFrame, known: pd.DataFrame) -> dict[str, int | str]:
    facts: dict[str, int | str] = {"events": len(part)}
    for what, column in (("users", USER_ID), ("items", ITEM_ID)):
        ids = part[column].drop_duplicates()
        facts |= {what: len(ids), f"new {what}": int((~ids.isin(known[column].unique())).sum())}
    ends = pd.to_datetime(part[TIMESTAMP].agg(["min", "max"]), unit="s").dt.strftime("%Y-%m-%d")
    return {**facts, "from": ends["min"], "to": ends["max"]}


def hand_in(bucket: str, path: Path, dataset_arn: str) -> str | None:
    """Put a CSV of interactions where the next retraining imports it; returns its s3:// address.

    Named after its content, as Personalize is given a name once, and after the full import that it adds to, as another
    full import takes out whatever was added. None, and nothing put, where it has too few rows for Personalize.
    """
    with path.open("rb") as file:
        rows = sum(1 for _ in file) - 1
    if rows < LEAST:
        return None
    name = hashlib.sha256(f"{sha256(path)} {_newest_full_import(dataset_arn)}".encode()).hexdigest()[:16]
    key = f"{FOLDER}/{name}.csv"
    aws.put_once(bucket, key, path)  # put again it may get another ETag, by which the retraining takes it for a new one
    return f"s3://{bucket}/{key}"


def _newest_full_import(dataset_arn: str) -> str:
    jobs = aws.pages("personalize", "list_dataset_import_jobs", "datasetImportJobs", datasetArn=dataset_arn)
    full = [job for job in jobs if job.get("importMode", "FULL") == "FULL"]
    return max(full, key=lambda job: job["creationDateTime"])["datasetImportJobArn"] if full else ""
