"""Log events: the streams that FilterLogEvents looks into, the eventId of those that it found, and each kept once.

MiniStack leaves out logStreamNamePrefix, without which a training job's log is that of every job, and the eventId, by
which `aws logs tail --follow` knows which events it has shown. It also keeps each event that is put a second time, for
Logs Insights, and saves it with every save: with 100,000 lines a save took 12 seconds. A query of Insights makes what
it needs of the events themselves.
"""

import hashlib
import json
from collections.abc import Callable

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs

BOTH = "logStreamNamePrefix and logStreamNames cannot be used together"


def install() -> None:
    """Look into the streams that are asked for, give every found event its id, keep no copies but those of a query."""
    cloudwatch_logs._filter_log_events = _identified(_of_streams(cloudwatch_logs._filter_log_events))
    cloudwatch_logs._append_log_events = _kept_once(cloudwatch_logs._append_log_events)
    saved = cloudwatch_logs.get_state
    cloudwatch_logs.get_state = lambda: {name: value for name, value in saved().items() if name != "log_records"}


def _of_streams(find: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    """MiniStack's takes names alone; here those that begin with logStreamNamePrefix are named to it."""

    def found(data: dict) -> tuple:
        prefix = data.get("logStreamNamePrefix")
        if not prefix:
            return find(data)
        if data.get("logStreamNames"):
            return error_response_json("InvalidParameterException", BOTH, 400)
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(data), {})
        names = [name for name in list(group.get("streams", {})) if name.startswith(prefix)]
        return find({**data, "logStreamNames": names or [prefix]})  # MiniStack takes no name for all names

    return found


def _kept_once(append: Callable[[dict, list[dict]], None]) -> Callable[[dict, list[dict]], None]:
    """MiniStack's keeps events of which a copy was made just before; here the copies go."""

    def appended(stream: dict, events: list[dict]) -> None:
        append(stream, events)
        for event in events:
            cloudwatch_logs._log_records.pop(event.get("eventId"), None)

    return appended


def _identified(find: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    """MiniStack's leaves out the eventId; here every event that is found gets one, always the same."""

    def found(data: dict) -> tuple:
        status, headers, body = find(data)
        if status != 200:
            return status, headers, body
        answer, seen = json.loads(body), {}
        for event in answer["events"]:
            same = (event["logStreamName"], event["timestamp"], event["message"])
            seen[same] = seen.get(same, 0) + 1
            event["eventId"] = _event_id(*same, seen[same])
        return status, headers, json.dumps(answer).encode()

    return found


def _event_id(stream: str, timestamp: int, message: str, number: int) -> str:
    """56 digits, as AWS's are: the time first, so that ids sort like events."""
    digest = hashlib.sha256(f"{stream}\0{message}\0{number}".encode()).digest()
    return f"{timestamp:020d}{int.from_bytes(digest[:14]) % 10**36:036d}"
