"""SQS's metrics: how full queues are, which tells of what is there, not of what is done.

MiniStack counts a queue's messages only when asked. AWS tells every minute; here a queue is told of when its counts
have changed and every half minute while it holds something, so that an alarm of a minute never finds a minute empty.
That a queue is empty is told once [AWS repeats it for six hours].
"""

import sys
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

SQS = "ministack.services.sqs"
REPEAT = 30.0  # seconds

Counts = tuple[int, int]  # messages visible, messages in flight
_told: dict[tuple, tuple[Counts, float]] = {}  # queue -> what was told last, and when


def sample(now: float) -> None:
    """Record AWS/SQS's ApproximateNumberOfMessagesVisible, -NotVisible and ApproximateAgeOfOldestMessage (seconds)."""
    sqs = sys.modules.get(SQS)  # loaded when somebody first uses a queue
    queues = dict(sqs._queues.all_items()) if sqs else {}
    for gone in _told.keys() - queues.keys():
        del _told[gone]
    for key, queue in queues.items():
        messages = list(queue["messages"])
        counts = _counts(messages, now)
        before, moment = _told.get(key, ((0, 0), 0.0))
        if counts != before or (any(counts) and now - moment >= REPEAT):
            _told[key] = counts, now
            with request_scope(*key[:2]):
                _record(queue["name"], counts, max((now - each["sent_at"] for each in messages), default=0.0))


def _counts(messages: list[dict[str, Any]], now: float) -> Counts:
    visible = sum(each["visible_at"] <= now for each in messages)
    return visible, sum(each["visible_at"] > now and each["receive_count"] > 0 for each in messages)


def _record(name: str, counts: Counts, age: float) -> None:
    dimensions = {"QueueName": name}
    cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", counts[0], "Count", dimensions)
    cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", counts[1], "Count", dimensions)
    cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", dimensions)
