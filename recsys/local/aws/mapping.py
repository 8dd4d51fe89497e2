"""An event source mapping from a Kinesis stream, read from MiniStack's record of it."""

from dataclasses import dataclass
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn

DEFAULTS = {
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "ParallelizationFactor": 1,
}


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


def _true(value: Any) -> bool:
    # CloudFormation hands booleans over as text.
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _limit(value: Any) -> int:
    return -1 if value is None else int(value)
