"""What stands at this moment, since when, and what it has cost: billed by the hour, whether or not anybody calls."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recsys import aws
from recsys.deploy import stack
from recsys.deploy.cleanup import strays
from recsys.deploy.cleanup.personalize import CAMPAIGN, SOLUTION, group_arn
from recsys.deploy.cleanup.sagemaker import ENDPOINT
from recsys.deploy.prices import Prices
from recsys.params import command

IDLE = timedelta(days=1)
ENDPOINT_ARN = re.compile("arn:[^:]+:sagemaker:[^:]*:[^:]*:endpoint/")


@dataclass(frozen=True)
class BilledResource:
    """One resource billed by the hour: its age in hours, USD an hour, and what to know about it."""

    resource: str
    hours: float
    hour: float
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Kind and name, without region and account: campaign/real-time-recommendations-dev."""
        return self.resource.split(":", 5)[-1]

    @property
    def usd(self) -> float:
        """What it has cost so far at its present size."""
        return self.hours * self.hour


def billed_now(
    group_name: str, stack_name: str, prices: Prices, now: datetime | None = None, stage: str | None = None
) -> list[BilledResource]:
    """Campaigns, solutions that train by themselves, stream, provisioned profiles, response cache and endpoints.

    Looks, and changes nothing.

    With a `stage` also the endpoints that carry its tags, though no stack knows of them.
    """
    now = now or datetime.now(UTC)
    group = group_arn(group_name)
    solutions = SOLUTION.listed(datasetGroupArn=group) if group else []
    found = [each for solution in solutions for each in _solution(solution, prices, now)]
    described = stack.describe(stack_name)
    outputs = stack.outputs(described) if described else {}
    found += _stream(outputs.get("StreamName"), prices, now)
    found += _profiles(outputs.get("TableName"), prices, now)
    found += _cache(described, prices, now) if "ApiUrl" in outputs else []
    names = [outputs["EndpointName"]] if "EndpointName" in outputs else []
    names += [arn.rpartition("/")[2] for arn in (strays.arns(stage) if stage else ()) if ENDPOINT_ARN.match(arn)]
    return [*found, *(each for name in dict.fromkeys(names) for each in _endpoint(name, prices, now))]


def _solution(arn: str, prices: Prices, now: datetime) -> Iterator[BilledResource]:
    for campaign in CAMPAIGN.listed(solutionArn=arn):
        described = CAMPAIGN.describe(campaign)
        if described:
            body = described["campaign"]
            rate = body["minProvisionedTPS"] * prices.personalize.tps_hour
            yield BilledResource(campaign, _hours(body["creationDateTime"], now), rate, _idle(campaign, body, now))
    solution = (SOLUTION.describe(arn) or {}).get("solution", {})
    if solution.get("performAutoTraining"):
        note = f"trains by itself every 7 days: {command('recsys run --set training.perform_auto_training=false')}"
        yield BilledResource(arn, _hours(solution["creationDateTime"], now), 0.0, (note,))


def _idle(arn: str, campaign: dict, now: datetime) -> tuple[str, ...]:
    """A note where a campaign older than a day answered nobody for a day."""
    if now - campaign["creationDateTime"] < IDLE:
        return ()
    window = {"StartTime": now - IDLE, "EndTime": now, "Period": 86400, "Statistics": ["Sum"]}
    for metric in ("GetRecommendations", "GetPersonalizedRanking"):
        answer = aws.call(
            aws.client("cloudwatch").get_metric_statistics,
            Namespace="AWS/Personalize",
            MetricName=metric,
            Dimensions=[{"Name": "CampaignArn", "Value": arn}],
            **window,
        )
        if sum(point["Sum"] for point in answer["Datapoints"]):
            return ()
    return (f"idle for a day: nobody asked it anything; `{command('recsys destroy')}` ends what it costs",)


def _stream(name: str | None, prices: Prices, now: datetime) -> Iterator[BilledResource]:
    summary = aws.find(aws.client("kinesis").describe_stream_summary, StreamName=name) if name else None
    if summary:
        body = summary["StreamDescriptionSummary"]
        price, on_demand = prices.kinesis, body.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
        shard = price.shard_hour + (price.extended_shard_hour if body["RetentionPeriodHours"] > 24 else 0.0)
        rate = price.stream_hour if on_demand else body["OpenShardCount"] * shard
        notes = ("ON_DEMAND: billed by its gigabytes too, which are not in this",) if on_demand else ()
        yield BilledResource(body["StreamARN"], _hours(body["StreamCreationTimestamp"], now), rate, notes)


def _profiles(name: str | None, prices: Prices, now: datetime) -> Iterator[BilledResource]:
    """The table, where its units are provisioned."""
    found = aws.find(aws.client("dynamodb").describe_table, TableName=name) if name else None
    table = found["Table"] if found else {}
    if table and table.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        units, price = table["ProvisionedThroughput"], prices.dynamodb
        rate = units["WriteCapacityUnits"] * price.write_unit_hour + units["ReadCapacityUnits"] * price.read_unit_hour
        yield BilledResource(table["TableArn"], _hours(table["CreationDateTime"], now), rate)


def _cache(described: stack.Stack, prices: Prices, now: datetime) -> Iterator[BilledResource]:
    """The API's stage, where it has a response cache."""
    stack_arn = described["StackId"]
    api, stage = (stack.physical_id(stack_arn, logical) for logical in ("Api", "ApiStage"))
    found = aws.find(aws.client("apigateway").get_stage, restApiId=api, stageName=stage)
    if found and found.get("cacheClusterEnabled"):
        size, known = found["cacheClusterSize"], prices.apigateway.cache_hour
        notes = () if size in known else (_unknown(f"a cache of {size} GB"),)
        arn = f"arn:{stack_arn.split(':')[1]}:apigateway:{aws.region()}::/restapis/{api}/stages/{stage} response cache"
        yield BilledResource(arn, _hours(found["createdDate"], now), known.get(size, 0.0), notes)


def _endpoint(endpoint_name: str, prices: Prices, now: datetime) -> Iterator[BilledResource]:
    endpoint = ENDPOINT.describe(endpoint_name)
    if endpoint is None:
        return
    name = endpoint["EndpointConfigName"]
    config = aws.find(aws.client("sagemaker").describe_endpoint_config, EndpointConfigName=name) or {}
    types = {each["VariantName"]: each.get("InstanceType") for each in config.get("ProductionVariants", [])}
    running = endpoint.get("ProductionVariants", [])  # none while it is made
    counts = {each["VariantName"]: each.get("CurrentInstanceCount", 0) for each in running}
    known = prices.sagemaker.instance_hour
    rate = sum(count * known.get(types.get(variant), 0.0) for variant, count in counts.items())
    unknown = sorted({type_ for type_ in types.values() if type_ and type_ not in known})
    notes = tuple(map(_unknown, unknown))
    yield BilledResource(endpoint["EndpointArn"], _hours(endpoint["CreationTime"], now), rate, notes)


def _unknown(what: str) -> str:
    return f"no price of {what} is known: {command('recsys cost --standing --prices FILE')}"


def _hours(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds() / 3600)
