"""What an alarm tells its topics, in AWS's own words, and only where AWS would be let in.

MiniStack sends half of the message's members, never asks the topic's policy, and leaves no trace of an action. Here the
message is complete, a topic is written to only where its policy lets CloudWatch publish and its key lets CloudWatch
encrypt, and the alarm's history says which action was executed and which failed, and why.
"""

import functools
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.loaders import Loader
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import cloudwatch

from recsys.local.aws.cloudwatch.alarms import Alarm

SERVICE = "cloudwatch.amazonaws.com"
SNS_KEY = "alias/aws/sns"  # AWS's own key for topics: its policy does not know CloudWatch, and nobody can change it
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
NO_KEY = "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."

logger = logging.getLogger(__name__)


def install() -> None:
    """Tell metric alarms' actions in this way; composite alarms keep MiniStack's."""
    cloudwatch._dispatch_alarm_actions = _told(cloudwatch._dispatch_alarm_actions)


def _told(composite: Callable[..., None]) -> Callable[[Alarm, str, str, str], None]:
    """MiniStack's tells half of what AWS does, whatever the topic's policy says; here AWS's message, to whom it may."""

    def told(alarm: Alarm, before: str, state: str, reason: str) -> None:
        if "AlarmRule" in alarm:
            composite(alarm, before, state, reason)
        elif alarm.get("ActionsEnabled", True):
            for topic in filter(cloudwatch._is_sns_action_arn, alarm.get(ACTIONS[state]) or ()):
                _publish(topic, alarm, before, state, reason)

    return told


def _publish(topic: str, alarm: Alarm, before: str, state: str, reason: str) -> None:
    from ministack.services import sns  # here, as it takes long to import and most servers have no topic

    if refusal := refused(topic, alarm["AlarmArn"]):
        logger.warning("the alarm %s could not be told: %s", alarm["AlarmName"], refusal)
        _record(alarm, f'Failed to execute action {topic}. Received error: "{refusal}"')
        return
    name = f'"{alarm["AlarmName"]}" in {region_name(get_region())}'
    sns._fanout(topic, new_uuid(), json.dumps(message(alarm, before, state, reason)), f"{state}: {name}"[:100])
    _record(alarm, f"Successfully executed action {topic}")


def refused(topic_arn: str, alarm_arn: str) -> str | None:
    """Why CloudWatch may not publish to this topic, as its alarm history says it; None where it may."""
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is None:
        return f"Topic does not exist: {topic_arn}"
    if topic["attributes"].get("KmsMasterKeyId") == SNS_KEY:
        return NO_KEY
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sns:Publish",
        resource_arn=topic_arn,
        region=get_region(),
        secure_transport=True,
        service_context={
            "aws:sourcearn": alarm_arn,
            "aws:sourceaccount": get_account_id(),
            "aws:sourceowner": get_account_id(),
        },
    )
    # A topic without a policy of its own has AWS's default one, which lets its own account's alarms in.
    policy = topic["attributes"].get("Policy")
    if not policy or evaluate_resource_policy(policy, context, service=SERVICE).decision == "Allow":
        return None
    return f"Resource: {alarm_arn} is not authorized to perform: SNS:Publish on resource: {topic_arn}"


def message(alarm: Alarm, before: str, state: str, reason: str) -> dict[str, Any]:
    """The notice as AWS's CloudWatch writes it, times in ISO 8601 with milliseconds."""
    return {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": get_account_id(),
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": state,
        "NewStateReason": reason,
        "StateChangeTime": _moment(time.time()),
        "Region": region_name(get_region()),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": before,
        **{field: alarm.get(field) or [] for field in ("OKActions", "AlarmActions", "InsufficientDataActions")},
        "Trigger": _trigger(alarm),
    }


def _trigger(alarm: Alarm) -> dict[str, Any]:
    extended = alarm.get("ExtendedStatistic")
    statistic = {"Statistic": alarm.get("Statistic", "Average").upper()}
    return {
        "MetricName": alarm.get("MetricName"),
        "Namespace": alarm.get("Namespace"),
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        **({"ExtendedStatistic": extended} if extended else statistic),
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or ()],
        "Period": alarm["Period"],
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
        "ComparisonOperator": alarm.get("ComparisonOperator"),
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile", ""),
    }


@functools.cache
def region_name(region: str) -> str:
    """`US East (N. Virginia)` for us-east-1; the region itself where botocore does not know it."""
    for partition in Loader().load_data("partitions")["partitions"]:
        if region in partition["regions"]:
            return partition["regions"][region]["description"]
    return region


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _record(alarm: Alarm, summary: str) -> None:
    item = {"AlarmName": alarm["AlarmName"], "AlarmType": "MetricAlarm", "Timestamp": cloudwatch._ts_iso(time.time())}
    data = json.dumps({"actionState": summary.partition(" ")[0], "error": summary})
    cloudwatch._history_entries().append(
        {**item, "HistoryItemType": "Action", "HistorySummary": summary, "HistoryData": data}
    )
