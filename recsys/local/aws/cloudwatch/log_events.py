"""What MiniStack's FilterLogEvents leaves out: the prefix of streams it is asked for, and the eventId of what it finds.

Without the prefix a training job's log is that of every job. `aws logs tail --follow` knows by the id which events it
has shown, and ends without it.
"""

import hashlib
import json
from collections.abc import Callable

from ministack.services import cloudwatch_logs


def install() -> None:
    """Look into the streams that are asked for alone, and give every found event its id."""
    cloudwatch_logs._filter_log_events = _identified(_of_streams(cloudwatch_logs._filter_log_events))


def _of_streams(find: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    """MiniStack's takes names alone; here those that begin with logStreamNamePrefix are named to it."""

    def found(data: dict) -> tuple:
        prefix = data.get("logStreamNamePrefix")
        if not prefix:
            return find(data)
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(data), {})
        names = [name for name in group.get("streams", {}) if name.startswith(prefix)]
        return find({**data, "logStreamNames": names or [prefix]})  # MiniStack takes no name for all names

    return found


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
