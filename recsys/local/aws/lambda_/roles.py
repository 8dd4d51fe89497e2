"""A function has the credentials of its role, and what Lambda does in its name is checked like its own calls.

MiniStack gives every function the account's own keys, and looks at no role.

- Lambda writes a function's log with the function's role; where that may not, nothing is written. A call that outlives
  its function makes no log group anew: its role is deleted with it.
- Lambda reads a stream for a function, and tells a destination of what failed, with the function's role.
"""

from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.arn import parse_arn
from ministack.services import cloudwatch_logs, lambda_svc

from recsys.local.aws.iam import permissions
from recsys.local.aws.iam.actions import DELIVERIES
from recsys.local.aws.iam.permissions import Credentials

# What Lambda needs to read a stream: "Process Amazon Kinesis Data Streams records with Lambda", developer guide.
READS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")


def install() -> None:
    """Give functions their roles' credentials, and check what is written to logs."""
    of_its_role = _of_its_role(lambda_runtime.execution_credentials)
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = of_its_role
    lambda_svc._emit_lambda_logs = _if_it_may_log(lambda_svc._emit_lambda_logs)


def of_function(config: dict[str, Any], action: str, resource: str) -> str | None:
    """Why Lambda may not do `action` with a function's role; None if it may."""
    return permissions.denial_of_role(config.get("Role", ""), config["FunctionName"], action, resource)


def reading(config: dict[str, Any], stream_arn: str) -> str | None:
    """Why Lambda may not read a stream for a function; None if it may."""
    found = [of_function(config, f"kinesis:{action}", stream_arn) for action in READS]
    return next(filter(None, found), None)


def delivering(config: dict[str, Any], destination: str) -> str | None:
    """Why Lambda may not send to a function's destination, a queue, a topic or a bucket; None if it may."""
    service = parse_arn(destination).service
    return of_function(config, DELIVERIES[service], f"{destination}/*" if service == "s3" else destination)


def _of_its_role(plain: Callable[[dict], Credentials]) -> Callable[[dict], Credentials]:
    """MiniStack's are the account's; here the role's, if the role is there."""

    def credentials_of(config: dict) -> Credentials:
        return permissions.credentials(config.get("Role", ""), config["FunctionName"]) or plain(config)

    return credentials_of


def _if_it_may_log(emit: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's writes whatever the role; here nothing is written where the role may not, or is gone."""

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
