"""What an environment will cost, before anything of it is created.

Three kinds of money, which people mix up: what setting it up costs once, what each hour costs because it stands (a
campaign and a stream are billed whether or not anybody calls), and what each million of requests or events adds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from recsys.deploy import template
from recsys.deploy.prices import Prices
from recsys.params import Params

HOURS = 730.0  # of a month
EVENT_GB, ANSWER_GB, LOG_GB, PROFILE_GB = 200e-9, 2e-6, 500e-9, 3e-6  # of one each: sizes seen with the sample shop
PROFILE_UNITS = 3  # write units of a profile with its last 25 events
API_GB_SECONDS, BATCH_GB_SECONDS = 0.5 * 0.03, 0.5 * 0.4  # of a request, and of a batch of events: 512 MB, as measured
BATCHES, BATCH_UNITS, USER_GB_SECONDS = 30.4, 4, 0.01  # runs a month; write units, and 1 GB for 10 ms, of a user in one
TRAINING_HOURS, TRAINED_ON, GROWTH = 2.1, 100_000, 0.588  # AWS's two examples, 100,000 and 25 million, as a power law
OF_METHOD, OF_BATCH = 5, 3  # custom metrics: Count, 4XXError, 5XXError, Latency, IntegrationLatency; served, failed, s
SOLUTIONS = 2  # recommendations for users, and similar items


@dataclass(frozen=True)
class Demand:
    """What is asked of the environment. All counts but `interactions` and `users` are per month."""

    interactions: int = 100_000
    users: int = 10_000
    requests: int = 1_000_000
    events: int = 1_000_000
    trainings: float = 0.0


@dataclass(frozen=True)
class Line:
    """One resource: USD once, for each hour that it stands, for a month's demand, and for a million of what it counts.

    `million` names what is counted, requests or events; a campaign's are those beyond what is always ready.
    """

    resource: str
    size: str
    once: float = 0.0
    hour: float = 0.0
    demand: float = 0.0
    per_million: float = 0.0
    million: str = ""

    @property
    def month(self) -> float:
        """USD of a month in which it always stands."""
        return HOURS * self.hour + self.demand


def estimate(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    """A line for each resource of the environment."""
    return [
        *_personalize(values, demand, prices),
        *_stream(values, demand, prices),
        *_api(demand, prices),
        _batch(demand, prices),
        *_watching(prices),
    ]


def first_day(lines: Iterable[Line]) -> float:
    """USD of setting everything up and leaving it for 24 hours with the demand of a day."""
    return sum(line.once + 24 * line.hour + line.demand * 24 / HOURS for line in lines)


def warnings(values: Params, prices: Prices, demand: Demand) -> list[str]:
    """What costs more than people expect."""
    tps = values.serving.min_provisioned_tps
    idle = SOLUTIONS * tps * prices.personalize.tps_hour
    said = [
        f"{SOLUTIONS} campaigns cost {idle * 24:,.2f} USD a day whether or not anybody calls them: "
        "`recsys destroy` when you are done"
    ]
    if tps > 1:
        more = (tps - 1) * SOLUTIONS * prices.personalize.tps_hour * HOURS
        said.append(
            f"serving.min_provisioned_tps is {tps}: Personalize scales up by itself from 1, which saves "
            f"{more:,.0f} USD a month"
        )
    if values.training.perform_auto_training:
        weekly = training(demand.interactions, prices)
        said.append(
            f"training.perform_auto_training: Personalize trains every 7 days, about {weekly * HOURS / 168:,.2f} USD a "
            "month, until the solution is deleted or updated"
        )
    return said


def training(interactions: int, prices: Prices) -> float:
    """USD of one training on so many interactions: AWS bills training hours, which are more than those of the clock."""
    return TRAINING_HOURS * (max(1, interactions) / TRAINED_ON) ** GROWTH * prices.personalize.training_hour


def campaign(tps: int, requests: float, prices: Prices) -> float:
    """USD a month: the requests, or what the provisioned transactions could have answered where that is more."""
    return max(tps * 3600 * HOURS, requests) / 1000 * prices.personalize.requests_1000


def _personalize(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    price, tps = prices.personalize, values.serving.min_provisioned_tps
    once = training(demand.interactions, prices)
    standing = tps * price.tps_hour
    beyond = campaign(tps, demand.requests + BATCHES * demand.users, prices) - standing * HOURS
    each = 1000 * price.requests_1000
    size = f"{tps} TPS always ready"
    return [
        Line(
            "Personalize import",
            f"{demand.interactions:,} interactions",
            demand.interactions * EVENT_GB * price.import_gb,
        ),
        Line(
            "Personalize training", f"{SOLUTIONS} solutions", SOLUTIONS * once, 0, demand.trainings * SOLUTIONS * once
        ),
        Line(f"campaign {values.named(values.serving.campaign)}", size, 0, standing, beyond, each, "requests"),
        Line(f"campaign {values.named(values.serving.similar_items_campaign)}", size, 0, standing),
        Line(
            "Personalize events",
            f"{demand.events:,} a month",
            0,
            0,
            *_per(demand.events, EVENT_GB * price.import_gb),
            "events",
        ),
    ]


def _stream(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    shards, batches = values.stream.shard_count, 1 / values.stream.batch_size
    put = prices.kinesis.puts_million / 1e6
    processed = batches * (prices.lambda_.requests_million / 1e6 + BATCH_GB_SECONDS * prices.lambda_.gb_second)
    profile = (PROFILE_UNITS * prices.dynamodb.writes_million + prices.dynamodb.reads_million) / 1e6
    kept = demand.users * PROFILE_GB * (prices.dynamodb.storage_gb_month + prices.dynamodb.recovery_gb_month)
    written, million = _per(demand.events, profile)
    return [
        Line(
            "Kinesis stream",
            f"{shards} shards",
            0,
            shards * prices.kinesis.shard_hour,
            *_per(demand.events, put),
            "events",
        ),
        Line(
            "stream processor",
            f"batches of {values.stream.batch_size}",
            0,
            0,
            *_per(demand.events, processed),
            "events",
        ),
        Line("profiles table", f"{demand.users:,} users, on demand", 0, 0, written + kept, million, "events"),
    ]


def _api(demand: Demand, prices: Prices) -> list[Line]:
    answered = prices.lambda_.requests_million / 1e6 + API_GB_SECONDS * prices.lambda_.gb_second
    sent = ANSWER_GB * prices.transfer.out_gb
    return [
        Line(
            "API Gateway",
            f"{demand.requests:,} a month",
            0,
            0,
            *_per(demand.requests, prices.apigateway.requests_million / 1e6),
            "requests",
        ),
        Line("API function", "512 MB", 0, 0, *_per(demand.requests, answered), "requests"),
        Line("answers sent", "2 KB each", 0, 0, *_per(demand.requests, sent), "requests"),
        Line("logs", "500 bytes a call", 0, 0, *_per(demand.requests, LOG_GB * prices.cloudwatch.log_gb), "requests"),
    ]


def _batch(demand: Demand, prices: Prices) -> Line:
    """Without the campaign, which answers a request for each user."""
    each = BATCH_UNITS * prices.dynamodb.writes_million / 1e6 + USER_GB_SECONDS * prices.lambda_.gb_second
    return Line("daily batch", f"{demand.users:,} users", demand=BATCHES * demand.users * each)


def _watching(prices: Prices) -> list[Line]:
    kinds = template.kinds()
    alarms, dashboards = kinds["AWS::CloudWatch::Alarm"], kinds["AWS::CloudWatch::Dashboard"]
    metrics = OF_METHOD * kinds["AWS::ApiGateway::Method"] + OF_BATCH
    lines = [
        Line("metrics", f"{metrics}, by method", 0, metrics * prices.cloudwatch.metric_month / HOURS),
        Line("alarms", f"{alarms}", 0, alarms * prices.cloudwatch.alarm_month / HOURS),
        Line("dashboard", f"{dashboards}", 0, dashboards * prices.cloudwatch.dashboard_month / HOURS),
    ]
    return [line for line in lines if line.hour]


def _per(count: float, price: float) -> tuple[float, float]:
    """USD of so many at this price each, and of a million."""
    return count * price, 1e6 * price
