"""An event source mapping from a Kinesis stream: what AWS refuses, and one read from MiniStack's record of it."""

from dataclasses import dataclass
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import error_response_json
from ministack.services import kinesis, lambda_svc

from recsys.local.aws import MiniStackResponse
from recsys.local.aws.lambda_ import roles
from recsys.local.aws.lambda_.limits import ERROR, out_of_range

DEFAULTS = {
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "ParallelizationFactor": 1,
}
RANGES = {
    "batchSize": (1, 10_000),
    "maximumBatchingWindowInSeconds": (0, 300),
    "maximumRecordAgeInSeconds": (-1, 604_800),
    "maximumRetryAttempts": (-1, 10_000),
    "parallelizationFactor": (1, 10),
}
INVALID = "InvalidParameterValueException"
CANNOT_READ = (
    "Cannot access stream {}. Please ensure the role can perform the GetRecords, GetShardIterator, "
    "DescribeStream, ListShards, and ListStreams Actions on your stream in IAM."
)
EXISTS = (
    'The event source arn (" {} ") and function (" {} ") provided mapping already exists. '
    "Please update or delete the existing mapping with UUID {}"
)


@dataclass(frozen=True)
class Mapping:
    """The settings that decide how a stream's records reach a function. Times in seconds, -1 for no limit."""

    uuid: str
    account: str
    region: str
    stream_arn: str
    stream_name: str
    function: str
    qualifier: str | None
    enabled: bool
    batch_size: int
    window: float
    max_retries: int
    max_age: int
    bisect: bool
    partial: bool
    destination: str | None


def read(account: str, region: str, esm: dict[str, Any]) -> Mapping | None:
    """The mapping behind a record of MiniStack's; None where its source is no Kinesis stream."""
    try:
        source = parse_arn(esm.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if source.service != "kinesis" or not source.resource.startswith("stream/"):
        return None
    failure = (esm.get("DestinationConfig") or {}).get("OnFailure") or {}
    return Mapping(
        uuid=esm["UUID"],
        account=account,
        region=region,
        stream_arn=esm["EventSourceArn"],
        stream_name=source.resource.split("/")[1],
        function=esm["FunctionName"],
        qualifier=esm.get("Qualifier"),
        enabled=_true(esm.get("Enabled", True)),
        batch_size=int(esm.get("BatchSize", 100)),
        window=float(esm.get("MaximumBatchingWindowInSeconds") or 0),
        max_retries=_limit(esm.get("MaximumRetryAttempts")),
        max_age=_limit(esm.get("MaximumRecordAgeInSeconds")),
        bisect=_true(esm.get("BisectBatchOnFunctionError", False)),
        partial="ReportBatchItemFailures" in (esm.get("FunctionResponseTypes") or ()),
        destination=failure.get("Destination"),
    )


def refused(given: dict[str, Any]) -> MiniStackResponse | None:
    """AWS's refusal of a new mapping from a stream; None where it may be, or where MiniStack refuses it itself."""
    arn = given["EventSourceArn"]
    name, qualifier, error = lambda_svc._resolve_existing_esm_function(given.get("FunctionName", ""))
    if error:
        return None
    if found := out_of_range(given, RANGES):
        return found
    if not given.get("StartingPosition"):
        return error_response_json(INVALID, ERROR.format("null", "startingPosition", "not be null."), 400)
    if arn.partition("/consumer/")[0] not in [stream["StreamARN"] for stream in kinesis._streams.all_values()]:
        return error_response_json(INVALID, f"Stream not found: {arn}", 400)
    _, config, _ = lambda_svc._get_func_record_for_ref(given["FunctionName"])
    if config and roles.reading(config, arn):
        return error_response_json(INVALID, CANNOT_READ.format(arn), 400)
    for esm in lambda_svc._esms.values():
        if (esm["EventSourceArn"], esm["FunctionName"], esm.get("Qualifier")) == (arn, name, qualifier):
            return error_response_json("ResourceConflictException", EXISTS.format(arn, name, esm["UUID"]), 409)
    return None


def refused_change(source_arn: str, given: dict[str, Any]) -> MiniStackResponse | None:
    """AWS's refusal of what changes in a mapping from `source_arn`; None where it may, or where that is no stream."""
    return out_of_range(given, RANGES) if ":kinesis:" in source_arn else None


def _true(value: Any) -> bool:
    # CloudFormation hands booleans over as text.
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _limit(value: Any) -> int:
    return -1 if value is None else int(value)
