"""What an environment will cost, before anything of it is created.

Three kinds of money, which people mix up: what setting it up costs once, what each hour costs because it stands (a
campaign and a stream are billed whether or not anybody calls), and what each million of requests or events adds.
"""

import json
from collections.abc import Iterable

from recsys.deploy import template
from recsys.deploy.demand import ANSWER_GB, BATCHES, EVENT_GB, HOURS, Demand, Line, used
from recsys.deploy.ingestion import BATCH_UNITS, SCAN_UNITS, ingestion, is_provisioned
from recsys.deploy.options import options
from recsys.deploy.prices import Prices
from recsys.errors import ParamsError
from recsys.params import Params
from recsys.schedule import runs_a_month

SOLUTIONS = 2  # recommendations for users, and similar items
TRAINING_HOURS, TRAINED_ON, GROWTH = 2.1, 100_000, 0.588  # AWS's two examples, 100,000 and 25 million, as a power law
LOG_GB = 500e-9  # of a call, as seen with the sample shop
API_GB_SECONDS = 0.5 * 0.03  # of a request: 512 MB for 30 ms
USER_GB_SECONDS = 0.01  # of a user in a daily batch: 1 GB for 10 ms
OF_METHOD = 5  # custom metrics of an API's method: Count, 4XXError, 5XXError, Latency, IntegrationLatency
OF_BATCH = 5  # of the daily batch: invocations, users served and failed, seconds, age of the model
OF_STREAM = 3  # of the stream processor: events taken, rejected and failed
OF_API = 1  # of the recommendation API: campaigns that failed
OF_SCALING = 8  # alarms by which a provisioned table scales: four for its reads, four for its writes
TRACED = 0.05  # of the requests beyond one a second
TRANSITIONS = 200  # of a solution's retraining: three for each look at what is waited for, 120 s at most apart


def estimate(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    """A line for each resource of the environment."""
    return [
        *_personalize(values, demand, prices),
        *ingestion(values, demand, prices),
        *_api(demand, prices),
        _batch(demand, prices),
        _retraining(values, demand, prices),
        *watching(demand, prices),
        *([_tracing(demand, prices)] if demand.chosen("Tracing") == "Active" else []),
        *options(values, demand, prices),
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
        f"`{values.command('recsys destroy')}` when you are done"
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
    if values.training.recipe.endswith("-v2"):
        said.append(
            f"training.recipe is {values.training.recipe}: AWS prices version 2 recipes in a way of their own, "
            "training by interactions; its figures are not known here, and version 1's stand in their place"
        )
    said.append(
        "the notebooks' campaigns answer with item metadata, which AWS bills besides: it is not in the estimate"
    )
    return said


def training(interactions: int, prices: Prices) -> float:
    """USD of one training on so many interactions: AWS bills training hours, which are more than those of the clock."""
    return TRAINING_HOURS * (max(1, interactions) / TRAINED_ON) ** GROWTH * prices.personalize.training_hour


def retraining(demand: Demand, prices: Prices) -> float:
    """USD of one retraining: of each solution the training, and the states of the machine that sees to it."""
    each = training(demand.interactions, prices) + TRANSITIONS / 1000 * prices.stepfunctions.transitions_1000
    return retrained(demand) * each


def retrained(demand: Demand) -> int:
    """How many solutions a retraining trains: one behind each campaign of the API."""
    given_up = sum(demand.parameters.get(name) == "" for name in ("CampaignArn", "SimilarItemsCampaignArn"))
    return SOLUTIONS - given_up + bool(demand.chosen("RankingCampaignArn"))


def campaign(tps: int, requests: float, prices: Prices) -> float:
    """USD a month: the requests, or what the provisioned transactions could have answered where that is more."""
    return max(tps * 3600 * HOURS, requests) / 1000 * prices.personalize.requests_1000


def endpoint(instance: str, instances: int, prices: Prices) -> Line:
    """A SageMaker endpoint that stands. Raises ParamsError for a type without a price."""
    return Line("endpoint", f"{instances} x {instance}", hour=instances * prices.sagemaker.hour(instance))


def serverless(memory_gb: float, milliseconds: float, requests: int, prices: Prices) -> Line:
    """A serverless endpoint whose requests take so long each, on average, and carry an answer of 2 KB."""
    price = prices.sagemaker
    each = milliseconds / 1000 * memory_gb * price.serverless_gb_second + ANSWER_GB * price.data_gb
    return used("serverless endpoint", f"{memory_gb:g} GB, {milliseconds:g} ms", requests, each, "requests")


def job(instance: str, seconds: float, prices: Prices) -> float:
    """USD of a training, processing or transform job. Raises ParamsError for a type without a price."""
    return seconds / 3600 * prices.sagemaker.hour(instance)


def watching(demand: Demand, prices: Prices) -> list[Line]:
    """What watches the stack: metrics, alarms and the dashboard."""
    kinds, price = template.kinds(), prices.cloudwatch
    exposures = _variants(demand.chosen("Experiments"))
    ours = OF_BATCH + OF_STREAM + OF_API
    scaling = OF_SCALING if is_provisioned(demand) else 0
    counts = {
        "metrics": (OF_METHOD * kinds["AWS::ApiGateway::Method"] + ours + exposures, price.metric_month),
        "alarms": (kinds["AWS::CloudWatch::Alarm"] + scaling, price.alarm_month),
        "dashboards": (kinds["AWS::CloudWatch::Dashboard"], price.dashboard_month),
    }
    return [Line(name, str(count), hour=count * month / HOURS) for name, (count, month) in counts.items()]


def _variants(experiments: str) -> int:
    """Of all experiments: each is a metric of its own, whichever campaigns they share."""
    try:
        return sum(len(each["campaigns"]) for each in json.loads(experiments).values())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ParamsError(f"Experiments: not as deploy.running_experiments writes it: {experiments}") from error


def _personalize(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    price, tps = prices.personalize, values.serving.min_provisioned_tps
    trained = SOLUTIONS * training(demand.interactions, prices)
    standing = tps * price.tps_hour
    beyond = campaign(tps, demand.requests + BATCHES * demand.users, prices) - standing * HOURS
    names = values.serving.campaign, values.serving.similar_items_campaign
    main, similar = (f"campaign {values.named(name)}" for name in names)
    size = f"{tps} TPS always ready"
    imported = demand.interactions * EVENT_GB * price.import_gb
    return [
        Line("Personalize import", f"{demand.interactions:,} interactions", once=imported),
        Line("Personalize training", f"{SOLUTIONS} solutions", once=trained, demand=demand.trainings * trained),
        Line(main, size, hour=standing, demand=beyond, per_million=1000 * price.requests_1000, million="requests"),
        Line(similar, size, hour=standing),
        used("Personalize events", f"{demand.events:,} a month", demand.events, EVENT_GB * price.import_gb, "events"),
    ]


def _api(demand: Demand, prices: Prices) -> list[Line]:
    answered = prices.lambda_.requests_million / 1e6 + API_GB_SECONDS * prices.lambda_.gb_second
    by_request = {
        ("API Gateway", f"{demand.requests:,} a month"): prices.apigateway.requests_million / 1e6,
        ("API function", "512 MB"): answered,
        ("answers sent", "2 KB each"): ANSWER_GB * prices.transfer.out_gb,
        ("logs", "500 bytes a call"): LOG_GB * prices.cloudwatch.log_gb,
    }
    return [used(name, size, demand.requests, price, "requests") for (name, size), price in by_request.items()]


def _batch(demand: Demand, prices: Prices) -> Line:
    """Without the campaign, which answers a request for each user."""
    price = prices.dynamodb
    units = 0.0 if is_provisioned(demand) else BATCH_UNITS * price.writes_million + SCAN_UNITS * price.reads_million
    each = units / 1e6 + USER_GB_SECONDS * prices.lambda_.gb_second
    return Line("daily batch", f"{demand.users:,} users", demand=BATCHES * demand.users * each)


def _retraining(values: Params, demand: Demand, prices: Prices) -> Line:
    each, size = retraining(demand, prices), f"{retrained(demand)} solutions"
    schedule = values.retraining.retrain_schedule
    if schedule is None:
        return Line("retraining", f"off; {size}, {each:.2f} USD each time")
    times = runs_a_month(schedule)
    return Line("retraining", f"{times:.1f} a month, {size}, {each:.2f} USD each time", demand=times * each)


def _tracing(demand: Demand, prices: Prices) -> Line:
    """Of the template's Tracing: at most, as where many come in one second only the first is sure to be traced.

    Each event may be a batch of its own; a daily batch is one request.
    """
    traces = sum(_traces(count) for count in (demand.requests, demand.events, BATCHES))
    return Line("traces", "at most, while Tracing is Active", demand=traces * prices.xray.traces_million / 1e6)


def _traces(requests: float) -> float:
    """Traces of a month's requests, spread evenly: one a second and a share of the rest."""
    alone = min(requests, 3600 * HOURS)
    return alone + TRACED * (requests - alone)
