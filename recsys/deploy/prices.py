"""AWS's prices: dated, with their source, and replaceable by one's own."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys.errors import ParamsError

FILE = Path(__file__).with_name("prices.yaml")

Usd = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Personalize(Section):
    import_gb: Usd
    training_hour: Usd
    requests_1000: Usd

    @property
    def tps_hour(self) -> float:
        """USD of one provisioned transaction per second for an hour: 3,600 recommendations."""
        return 3.6 * self.requests_1000


class SageMaker(Section):
    instance_hour: dict[str, Usd]
    serverless_gb_second: Usd
    data_gb: Usd

    def hour(self, instance: str) -> float:
        """USD of an instance for an hour. Raises ParamsError for a type without a price."""
        if instance not in self.instance_hour:
            known = ", ".join(self.instance_hour)
            raise ParamsError(f"no price of {instance}; there are {known}; give your own with --prices FILE")
        return self.instance_hour[instance]


class Kinesis(Section):
    shard_hour: Usd
    puts_million: Usd
    extended_shard_hour: Usd
    stream_hour: Usd
    in_gb: Usd
    out_gb: Usd
    extended_gb_month: Usd
    long_term_gb_month: Usd


class Lambda(Section):
    requests_million: Usd
    gb_second: Usd


class DynamoDB(Section):
    writes_million: Usd
    reads_million: Usd
    storage_gb_month: Usd
    recovery_gb_month: Usd
    write_unit_hour: Usd
    read_unit_hour: Usd


class ApiGateway(Section):
    requests_million: Usd
    cache_hour: dict[str, Usd]

    def cache(self, size: str) -> float:
        """USD of a response cache of so many GB for an hour. Raises ParamsError for a size without a price."""
        if size not in self.cache_hour:
            known = ", ".join(self.cache_hour)
            raise ParamsError(f"CacheClusterSize: no price of a cache of {size} GB; there are {known}")
        return self.cache_hour[size]


class CloudWatch(Section):
    log_gb: Usd
    alarm_month: Usd
    metric_month: Usd
    dashboard_month: Usd


class CloudTrail(Section):
    data_events_million: Usd


class StepFunctions(Section):
    transitions_1000: Usd


class XRay(Section):
    traces_million: Usd


class Transfer(Section):
    out_gb: Usd


class Vpc(Section):
    endpoint_hour: Usd
    endpoint_gb: Usd


class Prices(Section):
    """USD, by service; `as_of` (YYYY-MM) and `region` say when and where they held."""

    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$")]
    region: str
    personalize: Personalize
    sagemaker: SageMaker
    kinesis: Kinesis
    lambda_: Annotated[Lambda, Field(alias="lambda")]
    dynamodb: DynamoDB
    apigateway: ApiGateway
    cloudwatch: CloudWatch
    cloudtrail: CloudTrail
    stepfunctions: StepFunctions
    xray: XRay
    transfer: Transfer
    vpc: Vpc


def load(own: str | Path | None = None) -> Prices:
    """The prices of prices.yaml, and over them those of `own`, a file of the same form that need not be complete.

    Raises ParamsError for a file or price that cannot be read, naming it.
    """
    files = [FILE, *([Path(own)] if own else [])]
    try:
        return Prices.model_validate(reduce(_over, map(_read, files)))
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        raise ParamsError(f"{files[-1]}: {name} = {problem.get('input')!r}: {problem['msg']}") from error


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParamsError(f"{path}: not readable as prices: {' '.join(str(error).split())}") from error
    if not isinstance(values, Mapping):
        raise ParamsError(f"{path}: must hold sections such as `kinesis:` with prices, as {FILE} does")
    return values


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `above` in the place of those of `below`, section by section and price by price."""
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(below.get(name), Mapping)
        merged[name] = _over(below[name], value) if both else value
    return merged
