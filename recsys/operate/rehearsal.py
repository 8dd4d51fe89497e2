"""A rehearsal: does an alarm reach somebody?

For its time a queue listens to the topics that the alarms write to. Whoever else reads them, by `AlarmEmail` for one,
gets the same notices; their reason says that nothing is wrong.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pandas as pd

from recsys import aws
from recsys.errors import AwsError

REASON = "A rehearsal: nothing is wrong, somebody tries whether this alarm is heard"
COLUMNS = ["alarm", "state", "seconds", "subject", "says", "reason"]

Notice = dict[str, Any]


def rehearse(
    names: Sequence[str], tags: Mapping[str, str], *, timeout: float = 600, report: aws.Report | None = None
) -> pd.DataFrame:
    """Set off the alarms of these names, and wait until each was heard, and heard to be over.

    Returns the notices in the order heard: alarm, state (ALARM or OK), seconds (since it was set off), subject, says
    (the alarm's description) and reason. CloudWatch brings an alarm back by itself when it next looks at it. Nothing
    but the notices stays, whatever fails.
    Raises AwsError for an alarm that is not there, tells no topic or is on already, TimedOut where it is not heard.
    """
    topics = {topic for name in names for topic in _topics(name)}
    heard: list[Notice] = []
    if names:
        with _listening(topics, tags) as queue:
            began, off = time.monotonic(), {"StateValue": "ALARM", "StateReason": REASON}
            for name in names:
                aws.call(aws.client("cloudwatch").set_alarm_state, AlarmName=name, **off)

            def listen() -> dict[str, str]:
                heard.extend(notice for notice in _received(queue, began) if notice["alarm"] in names)
                states = {(notice["alarm"], notice["state"]) for notice in heard}
                return {"status": _status({name: {s for n, s in states if n == name} for name in names})}

            aws.wait("the rehearsal", listen, until="OVER", timeout=timeout, report=report)
    return pd.DataFrame(heard, columns=COLUMNS)


def _topics(name: str) -> list[str]:
    """The topics that an alarm writes to both when it begins and when it is over."""
    found = aws.call(aws.client("cloudwatch").describe_alarms, AlarmNames=[name])["MetricAlarms"]
    if not found:
        raise AwsError(f"there is no alarm {name}; operate.alarms lists those there are")
    (alarm,) = found
    topics = [arn for arn in alarm.get("AlarmActions", ()) if ":sns:" in arn and arn in alarm.get("OKActions", ())]
    if not topics or not alarm["ActionsEnabled"]:
        raise AwsError(f"alarm {name} tells no topic when it begins and ends: nobody would hear it")
    if alarm["StateValue"] == "ALARM":
        raise AwsError(f"alarm {name} is on, which is no rehearsal: {alarm['StateReason']}")
    return topics


@contextmanager
def _listening(topics: set[str], tags: Mapping[str, str]) -> Iterator[str]:
    """The address of a queue that gets what the topics are told; queue and subscriptions are gone afterwards."""
    sns, sqs = aws.client("sns"), aws.client("sqs")
    arn = f"{_beside(min(topics))}:recsys-rehearsal-{uuid.uuid4().hex[:12]}"
    asked = {"QueueName": arn.split(":")[-1], "tags": dict(tags), "Attributes": {"Policy": _policy(arn, topics)}}
    with ExitStack() as undone:
        url = aws.call(sqs.create_queue, **asked)["QueueUrl"]
        undone.callback(aws.call, sqs.delete_queue, QueueUrl=url)
        for topic in sorted(topics):
            asked = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn, "ReturnSubscriptionArn": True}
            subscription = aws.call(sns.subscribe, **asked)["SubscriptionArn"]
            undone.callback(aws.call, sns.unsubscribe, SubscriptionArn=subscription)
        yield url


def _beside(topic: str) -> str:
    """What the ARN of a queue in the topic's account and region begins with."""
    _, partition, _, region, account, _ = topic.split(":")
    return f"arn:{partition}:sqs:{region}:{account}"


def _policy(queue: str, topics: set[str]) -> str:
    """SNS, for these topics alone, may send to the queue; said at its creation, as a change takes up to a minute.

    Source: "Fanout to Amazon SQS queues", SNS developer guide.
    """
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": sorted(topics)}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def _received(queue: str, began: float) -> Iterator[Notice]:
    """The notices that lie ready, or come within a second."""
    sqs = aws.client("sqs")
    asked = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
    for message in aws.call(sqs.receive_message, **asked).get("Messages", []):
        aws.call(sqs.delete_message, QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        envelope = json.loads(message["Body"])
        notice = json.loads(envelope["Message"])
        if "AlarmName" not in notice:  # a retraining tells the topic its outcome
            continue
        yield {
            "alarm": notice["AlarmName"],
            "state": notice["NewStateValue"],
            "seconds": time.monotonic() - began,
            "subject": envelope.get("Subject", ""),
            "says": notice["AlarmDescription"],
            "reason": notice["NewStateReason"],
        }


def _status(states: Mapping[str, set[str]]) -> str:
    """What is still waited for, as `aws.wait` reports it."""
    if any("ALARM" not in heard for heard in states.values()):
        return "NOT HEARD YET"
    return "OVER" if all("OK" in heard for heard in states.values()) else "HEARD, NOT OVER YET"
