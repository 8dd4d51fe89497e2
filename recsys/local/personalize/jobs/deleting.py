"""In the worker: a dataset group's files without the users that a data deletion job lists.

The list is a CSV file with the single column USER_ID, or every .csv file of a folder and its sub-folders. New files lie
beside the old ones until the control plane puts them in their place, all at once. The only models that know users by
their ids are those of user segments; they are written anew. Those that keep all histories without ids, for the nearest
neighbours among them, keep them until the next training. [AWS deletes from models too, in up to a day, and asks for a
new solution version after the job.]
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys.local.personalize.events.reading import query
from recsys.local.personalize.jobs.importing import write_table
from recsys.local.personalize.jobs.roles import assume_role
from recsys.local.personalize.jobs.s3 import JobFailed, Storage
from recsys.models import load

MOST_BYTES = 100 << 20  # of a job's lists together


def delete_users(spec: dict[str, Any]) -> dict[str, Any]:
    """Per `spec`: group, dataLocation, datasets (ARN to {"file", "new"}), records (ARN), events, users, segments, S3's.

    Returns `{"files": {dataset ARN: new file}, "users": the file the list is in, "deleted": rows that go}`, or
    `{"failureReason"}`.
    """
    try:
        spec = assume_role(spec)
        users = _listed(Storage(spec), spec["dataLocation"])
    except JobFailed as error:
        return {"failureReason": f"Failed to delete users. {error}"}
    Path(spec["users"]).write_text(json.dumps(users))
    gone = pa.array(users, pa.string())
    files, deleted = {}, _put_rows(spec, set(users))
    for arn, dataset in spec["datasets"].items():
        table = pq.read_table(dataset["file"])
        kept = table.filter(pc.invert(pc.is_in(table["USER_ID"], value_set=gone)))
        if kept.num_rows < table.num_rows:
            write_table(Path(dataset["new"]), kept)
            files[arn] = dataset["new"]
            deleted += table.num_rows - kept.num_rows
    for folder in map(Path, spec["segments"]):
        load(folder / "model").without(users).save(folder / "model")
    return {"files": files, "users": spec["users"], "deleted": deleted}


def _put_rows(spec: dict[str, Any], gone: set[str]) -> int:
    """How many events, action events and records that came one by one are the users'."""
    tables = ("events", "action_events")
    events = [
        row
        for table in tables
        for row in query(spec["events"], f"SELECT session, user FROM {table} WHERE dataset_group = ?", spec["group"])
    ]
    sessions = gone | {session for session, user in events if user in gone}
    records = query(spec["events"], "SELECT id FROM records WHERE dataset = ?", spec["records"])
    own_events = sum(user in gone or (user is None and session in sessions) for session, user in events)
    return own_events + sum(key in gone for (key,) in records)


def _listed(storage: Storage, path: str) -> list[str]:
    """The users to delete, each once. Raises JobFailed."""
    paths = [name for name in storage.files(path, deep=True) if name == path or name.lower().endswith(".csv")]
    if not paths:
        raise JobFailed(f"Invalid Data location. There is no CSV file at {path}.")
    users: dict[str, None] = {}
    size = 0
    for name in paths:
        data = storage.read(name)
        size += len(data)
        if size > MOST_BYTES:
            raise JobFailed(f"The input is larger than {MOST_BYTES >> 20} MB.")
        users.update(dict.fromkeys(_read(name, data)))
    return list(users)


def _read(name: str, data: bytes) -> list[str]:
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig")), escapechar="\\") if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise JobFailed(f"{name} is not a CSV file in UTF-8: {error}") from error
    if not rows or [title.strip().upper() for title in rows[0]] != ["USER_ID"]:
        raise JobFailed(f"Input CSV is missing the following columns:[USER_ID]. {name} must have that one column only.")
    if any(len(row) > 1 for row in rows):
        raise JobFailed(f"{name} has rows with more than one column; each must be one USER_ID.")
    return [user for (user,) in rows[1:] if user]
