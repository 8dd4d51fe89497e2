"""What AWS's services do with a role they were given, checked like the role's own calls.

- Lambda writes a function's log with the function's role; where that may not, nothing is written. A call that outlives
  its function makes no log group anew: its role is deleted with it.
- Lambda reads a stream for a function, and tells a destination of what failed, with the function's role.
- EventBridge, by a rule or a schedule, starts a state machine or fills a queue with the target's role.
"""

import logging
from collections.abc import Callable
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import cloudwatch_logs, eventbridge, lambda_svc

from recsys.local.aws import permissions

# What Lambda needs to read a stream: "Process Amazon Kinesis Data Streams records with Lambda", developer guide.
READS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
DELIVERIES = {
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "s3": "s3:PutObject",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}

logger = logging.getLogger(__name__)


def install() -> None:
    """Check what is written to logs and what EventBridge does."""
    lambda_svc._emit_lambda_logs = _if_it_may_log(lambda_svc._emit_lambda_logs)
    eventbridge._invoke_target = _if_it_may_deliver(eventbridge._invoke_target)


def of_function(config: dict[str, Any], action: str, resource: str) -> str | None:
    """Why Lambda may not do `action` with a function's role; None if it may."""
    return permissions.refusal(config.get("Role", ""), config["FunctionName"], action, resource)


def reading(config: dict[str, Any], stream_arn: str) -> str | None:
    """Why Lambda may not read a stream for a function; None if it may."""
    found = [of_function(config, f"kinesis:{action}", stream_arn) for action in READS]
    return next(filter(None, found), None)


def delivering(config: dict[str, Any], destination: str) -> str | None:
    """Why Lambda may not send to a function's destination, a queue, a topic or a bucket; None if it may."""
    service = parse_arn(destination).service
    return of_function(config, DELIVERIES[service], f"{destination}/*" if service == "s3" else destination)


def _if_it_may_log(emit: Callable[..., None]) -> Callable[..., None]:
    def emitted(func: dict, *told: Any, **more: Any) -> None:
        config = func.get("config") or func
        name = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        group = cloudwatch_logs._make_group_arn_no_star(name)
        stream = f"{group}:log-stream:{config.get('Version', '$LATEST')}"  # one name for all, to keep the record short
        asked = [("CreateLogStream", stream), ("PutLogEvents", stream)]
        if name not in cloudwatch_logs._log_groups:
            if config["FunctionName"] not in lambda_svc._functions:
                return
            asked.insert(0, ("CreateLogGroup", group))
        if not any(of_function(config, f"logs:{action}", resource) for action, resource in asked):
            emit(func, *told, **more)

    return emitted


def _if_it_may_deliver(invoke: Callable[..., None]) -> Callable[..., None]:
    def invoked(target: dict, *told: Any, **more: Any) -> None:
        arn, role = target.get("Arn", ""), target.get("RoleArn", "")
        action = DELIVERIES.get((arn.split(":") + [""] * 3)[2])
        denied = permissions.refusal(role, target.get("Id", "schedule"), action, arn) if role and action else None
        if denied:
            logger.warning("a target of EventBridge is left out: %s", denied)
        else:
            invoke(target, *told, **more)

    return invoked
