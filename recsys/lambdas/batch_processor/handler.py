"""The batch processor: once a day, fresh recommendations for every active user.

The event may name the day, `{"date": "2026-11-28"}`; a schedule's event has its own time, and without either it is
today (UTC). `{"probe": true}` only asks whether the function works. A day is done once: asked for again it is told how
it ended, unless `{"force": true}`; one that was cut off goes on where it stopped. Before Lambda's 15 minutes are over,
an invocation leaves the rest to a successor it invokes. Where more users failed than is tolerated, the invocation fails
too, after its results are written.

Who recommends is told by the environment: the SageMaker endpoint ENDPOINT_NAME, or without one the campaign
CAMPAIGN_ARN.
"""

import gc
import json
import os
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from ..campaign import Campaign
from ..clock import Clock, OutOfTime
from ..tracing import annotate, traced
from ..values import session
from . import age
from .endpoint import PATIENCE, Catalogue, EndpointSource
from .files import Files
from .profiles import Profiles
from .run import Run, Source
from .source import THREADS, CampaignSource
from .state import State

logger = Logger()
metrics = Metrics(namespace="Recsys", service="batch-processor")

named = Config(user_agent="batch-processor")  # botocore would make one up for each request
config = named.merge(Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=THREADS))
# Tried once: the source asks again by itself, and knows when it is too late for that.
impatient = config.merge(Config(read_timeout=10, retries={"total_max_attempts": 1}))
patient = named.merge(Config(read_timeout=PATIENCE, retries={"total_max_attempts": 1}))
# Nobody types these requests, and to look at each of their values took longer than all else the function does.
unchecked = config.merge(Config(parameter_validation=False))
as_they_travel = session()
# A step is some 50,000 dicts, gone with it. Looked through every 700 new ones, as Python does, they and all that was
# ever imported took a quarter of the function's time.
gc.set_threshold(20_000)


class BadEvent(ValueError):
    """The event cannot be understood; the message says why."""


class TooManyFailed(Exception):
    """More users failed than the environment tolerates."""


class TooSlow(Exception):
    """A whole invocation was not enough for one step."""


@traced  # the run alone: X-Ray would drop most of a hundred thousand calls in one trace
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do one day's run, or what is left of it; answers its counts.

    A probe changes nothing and is answered by `{"probe": true}`.
    Raises BadEvent, NoTable, Gone (campaign or endpoint), TooManyFailed, TooSlow.
    """
    if event.get("probe") is True:
        return {"probe": True}
    _put(BatchInvocations=(MetricUnit.Count, 1))  # not Lambda's Invocations: a probe is one too
    date, force = asked(event)
    annotate(date=date)
    files = Files(boto3.client("s3", config=config), os.environ["BUCKET_NAME"], date)
    state = files.load()
    # An invocation that failed is tried again with its event and its request id: it must not begin anew for ever.
    if state is None or (force and state.request != context.aws_request_id):
        state = State(date, int(time.time()) - int(os.environ["ACTIVE_DAYS"]) * 86400, context.aws_request_id)
        files.save(state)
        _measure_age()
    if not state.finished:
        source = _source()
        run = Run(state, _profiles(state, source), source, files, Clock(context))
        try:
            run.work()
        except OutOfTime:
            return _hand_over(run, context)
        _measure(state)
        state.finished = True
        files.save(state)
    return _judged(state)


def asked(event: dict[str, Any]) -> tuple[str, bool]:
    """The day and whether to begin anew; raises BadEvent.

    >>> asked({"date": "2026-11-28"}), asked({"time": "2026-11-28T02:00:00Z", "source": "aws.events"})
    (('2026-11-28', False), ('2026-11-28', False))
    """
    date = event.get("date", str(event.get("time", datetime.now(UTC).isoformat()))[:10])
    force = event.get("force", False)
    try:
        known = datetime.strptime(date, "%Y-%m-%d").date().isoformat() == date
    except (TypeError, ValueError):
        known = False
    if not known:
        raise BadEvent(f"date must be a day as 2026-11-28, not {date!r}")
    if not isinstance(force, bool):
        raise BadEvent(f"force must be true or false, not {force!r}")
    return date, force


def _profiles(state: State, source: Source) -> Profiles:
    dynamodb = as_they_travel.create_client("dynamodb", config=unchecked)
    return Profiles(dynamodb, os.environ["TABLE_NAME"], state.since, source.asks_events, source.at_once)


def _source() -> Source:
    if endpoint := os.environ.get("ENDPOINT_NAME"):
        return EndpointSource(boto3.client("sagemaker-runtime", config=patient), endpoint, _catalogue())
    return CampaignSource(Campaign(boto3.client("personalize-runtime", config=impatient), os.environ["CAMPAIGN_ARN"]))


def _catalogue() -> Catalogue:
    """Title, category and price by item id, which an endpoint does not know; nothing where there is no such list."""
    s3 = boto3.client("s3", config=config)
    try:
        return json.loads(s3.get_object(Bucket=os.environ["BUCKET_NAME"], Key="catalogue.json")["Body"].read())
    except s3.exceptions.NoSuchKey:
        logger.warning("no catalogue.json: recommendations have no titles")
        return {}


def _hand_over(run: Run, context: Any) -> dict[str, Any]:
    """Invoke the function again for what is left."""
    counts, date = run.state.counts(), run.state.date
    if not run.progressed:
        raise TooSlow(f"run of {date}: no step was finished in a whole invocation; is {run.source.name} throttled?")
    name = context.invoked_function_arn
    payload = json.dumps({"date": date})
    boto3.client("lambda", config=config).invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    logger.info("handed over", extra={"date": date, **counts})
    return {"date": date, "finished": False, **counts}


def _measure_age() -> None:
    """Tell once a day how old the oldest model is; a batch does not fail for it."""
    days = age.oldest(partial(boto3.client, config=config))
    if days is not None:
        _put(ModelAgeDays=(MetricUnit.NoUnit, days))


def _measure(state: State) -> None:
    counts = state.counts()
    annotate(served=counts["served"], failed=counts["failed"])
    users = {f"Users{name.title()}": (MetricUnit.Count, counts[name]) for name in ("served", "failed")}
    _put(**users, Seconds=(MetricUnit.Seconds, counts["seconds"]))
    logger.info("finished", extra={"date": state.date, **counts, "reasons": state.reasons})


def _put(**values: tuple[MetricUnit, float]) -> None:
    metrics.add_dimension(name="environment", value=os.environ["ENVIRONMENT"])
    for name, (unit, value) in values.items():
        metrics.add_metric(name, unit, value)
    metrics.flush_metrics()


def _judged(state: State) -> dict[str, Any]:
    """The counts; raises TooManyFailed."""
    counts, tolerated = state.counts(), float(os.environ["MAX_FAILED_PERCENT"])
    if counts["failed"] * 100 > tolerated * counts["found"]:
        told = f"{counts['failed']} of {counts['found']} users failed, more than {tolerated:g} %"
        raise TooManyFailed(f"run of {state.date}: {told}; first: {state.reasons[0]['reason']}")
    return {"date": state.date, "finished": True, **counts}
