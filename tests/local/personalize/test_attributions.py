"""Metric attributions: what they accept, and what recommendations earned, in CloudWatch and in reports on S3."""

import csv
import io
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from alone import Server

METRICS = [
    {"metricName": "views", "eventType": "view", "expression": "SAMPLECOUNT()"},
    {"metricName": "revenue", "eventType": "Purchase", "expression": "SUM(Items.PRICE)"},
    {"metricName": "value", "eventType": "purchase", "expression": "sum( interactions.event_value )"},
    {"metricName": "margin", "eventType": "purchase", "expression": "SUM(Interactions.MARGIN)"},
]
NULLABLE = ["null", "string"]
INTERACTIONS = shops.schema(
    "Interactions",
    {"name": "EVENT_TYPE", "type": "string"},
    {"name": "EVENT_VALUE", "type": ["null", "float"]},
    {"name": "MARGIN", "type": ["null", "float"]},
    {"name": "RECOMMENDATION_ID", "type": NULLABLE},
    {"name": "EVENT_ATTRIBUTION_SOURCE", "type": NULLABLE},
)
REPORTS = "reports"


@dataclass
class Market(shops.Shop):
    """A shop whose recommendations are measured."""

    campaign: str = ""
    tracker: str = ""
    attribution: str = ""


def stock(client: shops.Client) -> shops.Shop:
    """A group whose interactions can say where they come from, and items with prices."""
    shop = shops.open_shop(client)
    for kind, text in (("Interactions", INTERACTIONS), ("Items", shops.ITEMS)):
        shops.add_dataset(shop, kind, text)
    assert shops.import_csv(shop, "Items", shops.put_csv(shop, "items.csv", shops.item_table()))["status"] == "ACTIVE"
    return shop


def attribute(shop: shops.Shop, metrics: list[dict[str, str]], path: str | None = REPORTS) -> str:
    """An ACTIVE metric attribution that reports to a folder of the shop's bucket; its ARN."""
    output = {"roleArn": shops.ROLE, "s3DataDestination": {"path": f"s3://{shop.bucket}/{path}/"}}
    arn = shop.client("personalize").create_metric_attribution(
        name=shops.unique("attribution"),
        datasetGroupArn=shop.group,
        metrics=metrics,
        metricsOutputConfig=output if path else {"roleArn": shops.ROLE},
    )["metricAttributionArn"]
    describe = shop.client("personalize").describe_metric_attribution
    assert shops.settled(describe, "metricAttribution", metricAttributionArn=arn)["status"] == "ACTIVE"
    return arn


@pytest.fixture(scope="module")
def market(client: shops.Client) -> Market:
    """A group with data and a metric attribution, and a campaign."""
    shop = stock(client)
    shops.import_csv(shop, "Interactions", shops.put_csv(shop, "interactions.csv", shops.interactions()))
    campaign = shops.deploy(shop, shops.trained_version(shop, "aws-popularity-count"))
    return Market(
        **vars(shop), campaign=campaign, tracker=shops.add_tracker(shop), attribution=attribute(shop, METRICS)
    )


def event(kind: str, item: str, **more: Any) -> dict[str, Any]:
    return {"eventType": kind, "itemId": item, "sentAt": time.time(), **more}


def put(client: shops.Client, tracker: str, *events: dict[str, Any]) -> None:
    client("personalize-events").put_events(trackingId=tracker, sessionId="s", userId="u1", eventList=list(events))


def source(name: str) -> dict[str, Any]:
    return {"metricAttribution": {"eventAttributionSource": name}}


def total(client: shops.Client, group: str, metric: str, source: str, statistic: str = "Sum") -> float:
    """A statistic of a metric of one source over the last day, as soon as there is one."""
    now = datetime.now(UTC)
    names = {"DatasetGroupArn": group, "EVENT_ATTRIBUTION_SOURCE": source}
    while True:
        found = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Personalize",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in names.items()],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(hours=1),
            Period=172800,
            Statistics=[statistic],
        )["Datapoints"]
        if found:
            return sum(point[statistic] for point in found)
        time.sleep(0.1)


def report(shop: shops.Shop, mode: str) -> list[dict[str, str]]:
    """The rows of the one report of imports of a mode."""
    prefix = f"{REPORTS}/AggregatedAttributionMetrics-{mode}-"
    (found,) = shop.client("s3").list_objects_v2(Bucket=shop.bucket, Prefix=prefix)["Contents"]
    body = shop.client("s3").get_object(Bucket=shop.bucket, Key=found["Key"])["Body"].read().decode()
    return list(csv.DictReader(io.StringIO(body)))


def test_its_metrics_are_listed_page_by_page_as_they_were_given(client: shops.Client, market: Market) -> None:
    pages = client("personalize").get_paginator("list_metric_attribution_metrics")
    asked = pages.paginate(metricAttributionArn=market.attribution, PaginationConfig={"PageSize": 3})
    assert [metric for page in asked for metric in page["metrics"]] == METRICS


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("SUM(Items.PRICE", "at column 16"),
        ("AVG(Items.PRICE)", "at column 1: the functions are SUM"),
        ("SAMPLECOUNT(Items.PRICE)", "at column 13"),
        ("SUM(Users.AGE)", "a column of Items or Interactions, not of Users"),
        ("SUM(Items.WEIGHT)", "the Items dataset of the group has no column WEIGHT"),
        ("SUM(Items.CATEGORY)", "a numeric column; CATEGORY is of type string"),
    ],
)
def test_an_expression_that_cannot_be_measured_is_refused(market: Market, expression: str, reason: str) -> None:
    metric = {"metricName": "m", "eventType": "view", "expression": expression}
    change = market.client("personalize").update_metric_attribution
    code, message, _ = shops.refused(change, metricAttributionArn=market.attribution, addMetrics=[metric])
    assert code == "InvalidInputException"
    assert reason in message


def test_a_metric_has_a_name_and_an_event_type(market: Market) -> None:
    blank = {"metricName": " ", "eventType": "view", "expression": "SAMPLECOUNT()"}
    change = market.client("personalize").update_metric_attribution
    answer = shops.refused(change, metricAttributionArn=market.attribution, addMetrics=[blank])
    assert answer[:2] == ("InvalidInputException", "A metric needs a metricName and an eventType that are not blank")


def test_metrics_of_one_name_are_refused(client: shops.Client, market: Market) -> None:
    group = shops.open_shop(client).group
    request = {"name": "twice", "datasetGroupArn": group, "metricsOutputConfig": {"roleArn": shops.ROLE}}
    answer = shops.refused(client("personalize").create_metric_attribution, metrics=[METRICS[0]] * 2, **request)
    assert answer[:2] == ("InvalidInputException", "The names of metrics must be unique: views")


def test_an_update_removes_first_and_adds_then(client: shops.Client) -> None:
    personalize, shop = client("personalize"), stock(client)
    arn = attribute(shop, METRICS[:2])
    new = {**METRICS[0], "eventType": "click"}
    personalize.update_metric_attribution(metricAttributionArn=arn, addMetrics=[new], removeMetrics=["views"])
    assert personalize.list_metric_attribution_metrics(metricAttributionArn=arn)["metrics"] == [METRICS[1], new]
    for wrong, code in (
        ({"addMetrics": [METRICS[1]]}, "ResourceAlreadyExistsException"),
        ({"removeMetrics": ["clicks"]}, "ResourceNotFoundException"),
        ({"addMetrics": [{**new, "metricName": f"m{n}"} for n in range(9)]}, "InvalidInputException"),
    ):
        assert shops.refused(personalize.update_metric_attribution, metricAttributionArn=arn, **wrong)[0] == code


def test_an_output_that_is_no_folder_of_s3_is_refused(client: shops.Client, market: Market) -> None:
    output = {"roleArn": shops.ROLE, "s3DataDestination": {"path": "https://somewhere/else"}}
    change = client("personalize").update_metric_attribution
    answer = shops.refused(change, metricAttributionArn=market.attribution, metricsOutputConfig=output)
    assert answer[:2] == ("InvalidInputException", "Invalid S3 output path.")


@pytest.fixture(scope="module")
def earned(client: shops.Client, market: Market) -> Market:
    """Events of every kind of source, all of them sent before any test asks for one."""
    answer = client("personalize-runtime").get_recommendations(campaignArn=market.campaign, userId="u1")
    seen = {"recommendationId": answer["recommendationId"]}
    client("personalize-events").put_items(
        datasetArn=market.datasets["Items"], items=[{"itemId": "new", "properties": '{"price": 1000}'}]
    )
    put(client, market.tracker, *(event("View", "i1", **source("mail")) for _ in range(4)))
    put(client, market.tracker, event("view", "i1", **seen), event("view", "i2", **seen, **source("partner")))
    put(client, market.tracker, event("view", "i3"), event("view", "i3", recommendationId="RID-of-somebody-else"))
    bought = [event("purchase", item, **source("mail")) for item in ("i2", "i3", "i5", "new", "unheard-of")]
    put(client, market.tracker, *bought, event("purchase", "i1", eventValue=2.5, **source("shop")))
    margins = [event("purchase", "i1", properties=f'{{"margin": {margin}}}', **source("bar")) for margin in (3, 4.5)]
    put(client, market.tracker, *margins)
    return market


def test_events_are_counted_by_the_source_they_name(client: shops.Client, earned: Market) -> None:
    assert total(client, earned.group, "views", "mail") == 4
    assert total(client, earned.group, "views", "mail", "SampleCount") == 4


def test_a_recommendation_id_stands_for_the_campaign_that_made_it(client: shops.Client, earned: Market) -> None:
    assert total(client, earned.group, "views", earned.campaign) == 1


def test_a_named_source_wins_over_a_recommendation_id(client: shops.Client, earned: Market) -> None:
    assert total(client, earned.group, "views", "partner") == 1


def test_events_without_a_source_are_undefined(client: shops.Client, earned: Market) -> None:
    assert total(client, earned.group, "views", "SOURCE_NAME_UNDEFINED") == 2


def test_a_column_of_the_items_is_summed_new_items_too(client: shops.Client, earned: Market) -> None:
    price = shops.item_table().set_index("ITEM_ID")["PRICE"]
    assert total(client, earned.group, "revenue", "mail") == price["i2"] + price["i3"] + 1000
    assert total(client, earned.group, "revenue", "mail", "SampleCount") == 3


def test_columns_of_the_interactions_are_summed(client: shops.Client, earned: Market) -> None:
    assert total(client, earned.group, "value", "shop") == 2.5
    assert total(client, earned.group, "margin", "bar") == 3 + 4.5


def test_a_metric_measures_from_its_creation_on(client: shops.Client) -> None:
    shop = stock(client)
    tracker, arn = shops.add_tracker(shop), attribute(shop, METRICS[:1])
    put(client, tracker, event("view", "i1", **source("early")))
    later = {**METRICS[0], "metricName": "later"}
    client("personalize").update_metric_attribution(metricAttributionArn=arn, addMetrics=[later])
    put(client, tracker, event("view", "i1", **source("early")))
    assert total(client, shop.group, "views", "early") == 2
    assert total(client, shop.group, "later", "early") == 1


def test_no_more_than_a_hundred_sources_have_a_name(client: shops.Client) -> None:
    shop = stock(client)
    tracker, _ = shops.add_tracker(shop), attribute(shop, METRICS[:1])
    for start in range(0, 110, 10):
        put(client, tracker, *(event("view", "i1", **source(f"s{start + n}")) for n in range(10)))
    assert total(client, shop.group, "views", "s99") == 1
    assert total(client, shop.group, "views", "SOURCE_NAME_UNDEFINED") == 10


def test_events_too_old_for_cloudwatch_are_left_out(client: shops.Client) -> None:
    shop = stock(client)
    tracker, _ = shops.add_tracker(shop), attribute(shop, METRICS[:1])
    put(client, tracker, event("view", "i1", **source("now")) | {"sentAt": time.time() - 15 * 86400})
    put(client, tracker, event("view", "i1", **source("now")))
    assert total(client, shop.group, "views", "now") == 1


def test_what_a_kill_left_unreported_is_reported_after_it(mortal: Server, client: shops.Client) -> None:
    shop = stock(mortal.client)
    tracker, _ = shops.add_tracker(shop), attribute(shop, METRICS[:1])
    put(mortal.client, tracker, *(event("view", "i1", **source("mail")) for _ in range(7)))
    mortal.kill()
    mortal.start()
    assert total(client, shop.group, "views", "mail") == 7


def rows(count: int, **columns: Any) -> pd.DataFrame:
    """Interactions of one user with one item, a minute apart, the last one now."""
    now = int(time.time()) // 900 * 900
    base = {"USER_ID": "u1", "ITEM_ID": "i2", "EVENT_TYPE": "view"} | columns
    return pd.DataFrame({"TIMESTAMP": [now - 60 * n for n in range(count)]}).assign(**base)


@pytest.fixture(scope="module")
def imported(client: shops.Client) -> shops.Shop:
    """A group whose imports, one FULL and one INCREMENTAL, were reported."""
    shop = stock(client)
    attribute(shop, METRICS[:2])
    views = rows(1000, EVENT_ATTRIBUTION_SOURCE="mail").assign(TIMESTAMP=1_700_000_100)
    views["USER_ID"] = [f"u{n}" for n in range(1000)]
    bought = rows(30, EVENT_TYPE="purchase", EVENT_ATTRIBUTION_SOURCE=None)
    for mode, table in (("FULL", pd.concat([views, bought])), ("INCREMENTAL", rows(1000))):
        location = shops.put_csv(shop, f"{mode}.csv", table)
        job = shops.import_csv(shop, "Interactions", location, importMode=mode, publishAttributionMetricsToS3=True)
        assert job["status"] == "ACTIVE", job
        assert job["publishAttributionMetricsToS3"]
    return shop


def test_a_bulk_import_is_reported_to_s3_per_source_and_quarter_of_an_hour(imported: shops.Shop) -> None:
    found = report(imported, "FULL")
    views = [row for row in found if row["METRIC_NAME"] == "views"]
    assert views == [
        {
            "METRIC_NAME": "views",
            "EVENT_TYPE": "view",
            "VALUE": "1000.0",
            "MATH_FUNCTION": "samplecount",
            "EVENT_ATTRIBUTION_SOURCE": "mail",
            "TIMESTAMP": str(1_700_000_100 // 900 * 900),
        }
    ]
    bought = [row for row in found if row["METRIC_NAME"] == "revenue"]
    assert {row["EVENT_ATTRIBUTION_SOURCE"] for row in bought} == {"SOURCE_NAME_UNDEFINED"}
    assert sum(float(row["VALUE"]) for row in bought) == 30 * 2 * 1.5
    assert len(bought) == 3


def test_only_an_incremental_import_goes_to_cloudwatch(client: shops.Client, imported: shops.Shop) -> None:
    assert total(client, imported.group, "views", "SOURCE_NAME_UNDEFINED") == 1000
    names = client("cloudwatch").list_metrics(Namespace="AWS/Personalize", MetricName="revenue")["Metrics"]
    assert not any({"Name": "DatasetGroupArn", "Value": imported.group} in each["Dimensions"] for each in names)
    assert sum(float(row["VALUE"]) for row in report(imported, "INCREMENTAL")) == 1000


def test_publishing_needs_an_attribution_with_a_place_for_it(client: shops.Client) -> None:
    shop = stock(client)
    location, create = f"s3://{shop.bucket}/items.csv", client("personalize").create_dataset_import_job
    request = {"roleArn": shops.ROLE, "dataSource": {"dataLocation": location}, "publishAttributionMetricsToS3": True}
    for metrics in ((), METRICS[:1]):
        if metrics:
            attribute(shop, metrics, path=None)
        code, message, _ = shops.refused(create, jobName="no", datasetArn=shop.datasets["Interactions"], **request)
        assert (code, "an s3DataDestination" in message) == ("InvalidInputException", True)


def test_a_report_that_cannot_be_written_fails_the_import_and_changes_nothing(client: shops.Client) -> None:
    shop = stock(client)
    arn = attribute(shop, METRICS[:1])
    nowhere = {"roleArn": shops.ROLE, "s3DataDestination": {"path": "s3://no-such-bucket-anywhere/reports"}}
    client("personalize").update_metric_attribution(metricAttributionArn=arn, metricsOutputConfig=nowhere)
    location = shops.put_csv(shop, "interactions.csv", shops.interactions())
    job = shops.import_csv(shop, "Interactions", location, publishAttributionMetricsToS3=True)
    assert job["status"] == "CREATE FAILED"
    assert "Insufficient privileges for accessing data in Amazon S3" in job["failureReason"]
    assert shops.import_csv(shop, "Interactions", location)["status"] == "ACTIVE"
