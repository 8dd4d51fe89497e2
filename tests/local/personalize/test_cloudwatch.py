"""Metrics in AWS/Personalize, read back through CloudWatch as an alarm or a dashboard reads them."""

import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import personalize_shop as shops
import pytest
from waiting import eventually

from recsys.local import launcher
from recsys.local.personalize.metrics import DIMENSIONS, Meter
from recsys.local.shared.actor import Actor
from recsys.local.shared.cloudwatch import CloudWatch
from recsys.local.shared.store import Resource

REFUSED = ({"userId": "u1", "numResults": "many"}, {"itemId": "i1"})  # by its shape, and by what it asks for


@dataclass(frozen=True)
class Done:
    """What has been done, so that one wait serves every test: the shop and ARNs it was done with."""

    shop: shops.Shop
    campaign: str
    tracker: str
    job: str
    failed: str
    table: str


@pytest.fixture(scope="module")
def done(client: shops.Client, raw: shops.Client) -> Done:
    """Three answers, two refusals, a request for what does not exist, puts, an import, a training that fails."""
    shop = shops.stocked_shop(client)
    campaign = shops.deploy(shop, shops.trained_version(shop, "aws-popularity-count"))
    _alarm(client, campaign)
    for _ in range(3):
        client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="u1")
    for request in (*REFUSED, {"campaignArn": f"{campaign}-not", "userId": "u1"}):
        shops.refused(raw("personalize-runtime").get_recommendations, **{"campaignArn": campaign, **request})
    event = {"eventType": "view", "itemId": "i1", "sentAt": time.time()}
    tracker = client("personalize").create_event_tracker(name=shops.unique("tracker"), datasetGroupArn=shop.group)
    shops.settled(
        client("personalize").describe_event_tracker, "eventTracker", eventTrackerArn=tracker["eventTrackerArn"]
    )
    client("personalize-events").put_events(trackingId=tracker["trackingId"], sessionId="s", eventList=[event])
    client("personalize-events").put_items(datasetArn=shop.datasets["Items"], items=[{"itemId": "i900"}])
    table = shops.user_table().to_csv(index=False)
    job = shops.import_csv(shop, "Users", shops.put_csv(shop, "measured.csv", table))["datasetImportJobArn"]
    failed = shops.start_version(shop, "aws-popularity-count", eventType="nothing-of-the-kind")
    assert shops.version_of(shop, failed)["status"] == "CREATE FAILED"
    return Done(shop, campaign, tracker["eventTrackerArn"], job, failed, table)


def _alarm(client: shops.Client, campaign: str) -> None:
    client("cloudwatch").put_metric_alarm(
        AlarmName="refused",
        Namespace="AWS/Personalize",
        MetricName="GetRecommendations4xxErrors",
        Dimensions=[{"Name": "CampaignArn", "Value": campaign}],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )


def statistics(client: shops.Client, metric: str, samples: int = 1, **dimensions: str) -> dict[str, Any]:
    """SampleCount, Sum, Minimum, Maximum and Unit of a metric's last hour, as soon as there are so many samples."""
    wanted = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    now = datetime.now(UTC)

    def told() -> list[dict[str, Any]]:
        found = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Personalize",
            MetricName=metric,
            Dimensions=wanted,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
        )["Datapoints"]
        return [each for each in found if each["SampleCount"] >= samples]

    return eventually(told)[0]


def metrics_of(client: shops.Client, value: str) -> set[str]:
    """Names of the metrics that have a dimension of this value."""
    found = client("cloudwatch").list_metrics(Namespace="AWS/Personalize")["Metrics"]
    return {each["MetricName"] for each in found if value in [one["Value"] for one in each["Dimensions"]]}


def test_answers_of_a_campaign_are_counted_and_timed(client: shops.Client, done: Done) -> None:
    assert statistics(client, "GetRecommendations", 3, CampaignArn=done.campaign)["Sum"] == 3
    latency = statistics(client, "GetRecommendationsLatency", 3, CampaignArn=done.campaign)
    assert (latency["SampleCount"], latency["Unit"]) == (3, "Milliseconds")
    assert 0 < latency["Minimum"] <= latency["Maximum"] < 60_000


def test_refusals_are_4xx_errors_those_by_shape_too(client: shops.Client, done: Done) -> None:
    refused = statistics(client, "GetRecommendations4xxErrors", len(REFUSED), CampaignArn=done.campaign)
    assert refused["Sum"] == len(REFUSED)


def test_an_alarm_on_errors_goes_off(client: shops.Client, done: Done) -> None:
    while client("cloudwatch").describe_alarms(AlarmNames=["refused"])["MetricAlarms"][0]["StateValue"] != "ALARM":
        time.sleep(0.1)


def test_what_is_put_is_counted_by_group_dataset_and_tracker(client: shops.Client, done: Done) -> None:
    shop = done.shop
    events = {
        "DatasetGroupArn": shop.group,
        "DatasetArn": shop.datasets["Interactions"],
        "EventTrackerArn": done.tracker,
    }
    assert statistics(client, "PutEventsRequests", **events)["Sum"] == 1
    assert statistics(client, "PutEventLatency", **events)["Unit"] == "Milliseconds"
    items = {"DatasetGroupArn": shop.group, "DatasetArn": shop.datasets["Items"]}
    assert statistics(client, "PutItemsRequests", **items)["Sum"] >= 1


def test_a_tracker_without_any_dataset_has_metrics_still(client: shops.Client) -> None:
    personalize, shop = client("personalize"), shops.open_shop(client)
    made = personalize.create_event_tracker(name=shops.unique("tracker"), datasetGroupArn=shop.group)
    shops.settled(personalize.describe_event_tracker, "eventTracker", eventTrackerArn=made["eventTrackerArn"])
    hidden = f"{shop.group.replace(':dataset-group/', ':dataset/')}/EVENT_INTERACTIONS"
    personalize.delete_dataset(datasetArn=hidden)
    shops.gone(client, personalize.describe_dataset, datasetArn=hidden)
    shops.put_events(replace(shop, tracking_id=made["trackingId"]), "u1", [{"eventType": "view", "itemId": "i1"}])
    named = {"DatasetGroupArn": shop.group, "EventTrackerArn": made["eventTrackerArn"]}
    assert statistics(client, "PutEventsRequests", **named)["Sum"] == 1


def test_what_cannot_be_measured_leaves_the_others_their_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = {name: Resource(name, name, {}) for name in ("Campaign", "Recommender")}
    store = SimpleNamespace(get=resources.get, find=lambda *_, **__: [])
    actor, put = Actor("test"), []
    meter = Meter(SimpleNamespace(listeners=[], actor=actor, store=store))
    monkeypatch.setitem(DIMENSIONS, "Recommender", lambda control, resource: resource.document["missing"])
    for name in resources:
        meter.add("Calls", name, 1)
    meter.report(put.extend)
    actor.close()
    assert [each["Dimensions"] for each in put] == [[{"Name": "CampaignArn", "Value": "Campaign"}]]


def test_an_import_says_how_long_it_took_and_how_much_it_read(client: shops.Client, done: Done) -> None:
    dimensions = {
        "DatasetGroupArn": done.shop.group,
        "DatasetArn": done.shop.datasets["Users"],
        "DatasetImportJobArn": done.job,
    }
    assert statistics(client, "DatasetSize", **dimensions)["Sum"] == len(done.table)
    assert statistics(client, "DatasetImportJobExecutionTime", **dimensions)["Unit"] == "Seconds"
    assert metrics_of(client, done.job) == {"DatasetSize", "DatasetImportJobExecutionTime", "DatasetImportJobRequests"}


def test_a_training_that_fails_is_an_error(client: shops.Client, done: Done) -> None:
    dimensions = {"SolutionArn": done.failed.rpartition("/")[0], "SolutionVersionArn": done.failed}
    assert statistics(client, "SolutionTrainingJobError", **dimensions)["Sum"] == 1
    assert statistics(client, "SolutionTrainingJobRequests", **dimensions)["Sum"] == 1


def test_what_does_not_exist_is_counted_nowhere(client: shops.Client, done: Done) -> None:
    statistics(client, "GetRecommendations4xxErrors", CampaignArn=done.campaign)
    assert not metrics_of(client, f"{done.campaign}-not")


def test_a_cloudwatch_that_is_away_is_mentioned_once_a_minute(
    free_port: int, caplog: pytest.LogCaptureFixture, embedded: Any
) -> None:
    away = CloudWatch(f"http://127.0.0.1:{free_port}", "us-east-1", "AWS/Personalize")
    with caplog.at_level(logging.WARNING):
        assert not any(away.put([{"MetricName": "m", "Value": 1}]) for _ in range(3))
    assert len([line for line in caplog.records if "could not be written" in line.message]) == 1


def test_the_last_counts_are_put_before_the_server_ends(free_port: int, tmp_path: Path) -> None:
    session = boto3.Session("test", "test")

    def client(service: str) -> Any:
        return session.client(service, "us-east-1", endpoint_url=server.endpoint)

    server = launcher.up(free_port, tmp_path)
    shop = shops.open_shop(client)
    event = {"eventType": "view", "itemId": "i1", "sentAt": time.time()}
    client("personalize-events").put_events(trackingId=shops.add_tracker(shop), sessionId="s", eventList=[event])
    launcher.down(tmp_path)
    launcher.up(free_port, tmp_path)
    found = metrics_of(client, shop.group)
    launcher.down(tmp_path)
    assert "PutEventsRequests" in found
