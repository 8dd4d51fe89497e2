"""Who was in which variant of an experiment, by the log of the API's function."""

import json
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from recsys import aws
from recsys.columns import TIMESTAMP, USER_ID
from recsys.errors import DataError

VARIANT, SERVED, SHARE = "VARIANT", "SERVED", "SHARE"


def exposures(
    function: str,
    experiment: str,
    route: str = "recommendations",
    since: datetime | None = None,
    users: int = 0,
    **wait: Any,
) -> pd.DataFrame:
    """Every answer that the API's function gave in an experiment, to whom (USER_ID) and when (TIMESTAMP, in seconds).

    VARIANT: the user's; SERVED: whether its campaign answered; SHARE: the users' part that was then drawn into it.
    From `since` on, or as far back as the log is kept, which is 30 days; what a cache repeated is there once. A log
    tells of a call some seconds late: where so many `users` are known to have been answered, they are waited for;
    `wait` is for aws.wait.
    Raises AwsError where the function has no log, DataError where nobody was answered in this experiment on this
    route, TimedOut.
    """
    if users:
        arrived = partial(_arrived, function, experiment, route, since, users)
        aws.wait(f"{users:,} users in the log", arrived, **wait)
    told = _told_by_log(function, since)
    found = _of(told, experiment, route)
    if found.empty:
        others = sorted({f"{entry['experiment']} on {entry['route']}" for _, entry in told})
        known = f"the log tells of {', '.join(others)}" if others else "the log tells of no experiment"
        raise DataError(f"{function}: no answer in experiment {experiment} on {route}; {known}")
    return found


def _arrived(function: str, experiment: str, route: str, since: datetime | None, users: int) -> dict[str, Any]:
    known = _of(_told_by_log(function, since), experiment, route)[USER_ID].nunique()
    return {"status": "ACTIVE" if known >= users else f"{known:,} THERE"}


def _told_by_log(function: str, since: datetime | None) -> list[tuple[int, dict[str, Any]]]:
    """Epoch seconds, and what the line says, of each answer in any experiment."""
    log: dict[str, Any] = {"logGroupName": f"/aws/lambda/{function}", "filterPattern": '"Exposures"'}
    if since:
        log["startTime"] = int(1000 * since.timestamp())
    lines = aws.pages("logs", "filter_log_events", "events", **log)
    told = [(line["timestamp"] // 1000, _read(line["message"])) for line in lines]
    return [(seconds, {"route": "recommendations", **entry}) for seconds, entry in told if "experiment" in entry]


def _read(message: str) -> dict[str, Any]:
    """A line of the log; one that only has the word in it, in a user's id or an error, says nothing."""
    try:
        entry = json.loads(message)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _of(told: list[tuple[int, dict[str, Any]]], experiment: str, route: str) -> pd.DataFrame:
    found = [
        (entry["userId"], seconds, entry["variant"], entry["served"], entry.get("share"))
        for seconds, entry in told
        if (entry["experiment"], entry["route"]) == (experiment, route)
    ]
    columns = [USER_ID, TIMESTAMP, VARIANT, SERVED, SHARE]
    return pd.DataFrame(found, columns=columns).sort_values(TIMESTAMP, kind="stable")
