"""Back to nothing, in the order that works, however far it had come."""

import json
from collections.abc import Callable
from typing import Any

import personalize_shop as shops
import pytest

from recsys import aws
from recsys.deploy import cleanup
from recsys.deploy.cleanup import bucket
from recsys.errors import AwsError

SCHEMA = {
    "type": "record",
    "name": "Interactions",
    "namespace": "com.amazonaws.personalize.schema",
    "fields": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", "type": "string"},
    ],
    "version": "1.0",
}


@pytest.fixture
def personalize(environment: Any, client: Callable[[str], Any]) -> Any:
    """Personalize with a dataset group, schema, dataset, event tracker, filter and solution of the environment."""
    service = client("personalize")
    group = service.create_dataset_group(name=environment.group)["datasetGroupArn"]
    active(lambda: service.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    name = f"shop-interactions-{environment.suffix}"
    schema = service.create_schema(name=name, schema=json.dumps(SCHEMA))["schemaArn"]
    dataset = service.create_dataset(name=name, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")[
        "datasetArn"
    ]
    active(lambda: service.describe_dataset(datasetArn=dataset)["dataset"])
    tracker = service.create_event_tracker(name=name, datasetGroupArn=group)["eventTrackerArn"]
    active(lambda: service.describe_event_tracker(eventTrackerArn=tracker)["eventTracker"])
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
    service.create_filter(name=name, datasetGroupArn=group, filterExpression=expression)
    recipe = "arn:aws:personalize:::recipe/aws-sims"
    service.create_solution(name=name, datasetGroupArn=group, recipeArn=recipe, performAutoTraining=False)
    return service


def active(describe: Callable[[], dict[str, Any]]) -> None:
    aws.wait("resource", describe, timeout=60)


def kinds(lines: list[str]) -> list[str]:
    """The kinds of Personalize's resources among the lines, in order."""
    return [line.split(":")[5].split("/")[0] for line in lines if line.startswith("arn:aws:personalize")]


def test_nothing_to_find_where_nothing_was_made(environment: Any) -> None:
    assert cleanup.find(environment.group, environment.stack) == []
    assert cleanup.destroy(environment.group, environment.stack) == []


def test_all_is_found_in_the_order_of_deletion(environment: Any, personalize: Any) -> None:
    environment.grown("bucket")
    lines = cleanup.find(environment.group, environment.stack)
    assert kinds(lines) == ["solution", "filter", "event-tracker", "dataset", "schema", "dataset-group"]
    assert lines[-1].startswith(f"arn:aws:cloudformation:us-east-1:000000000000:stack/{environment.stack}/")


def test_what_was_found_is_counted_by_kind() -> None:
    found = [
        "arn:aws:personalize:us-east-1:0:campaign/one",
        "arn:aws:personalize:us-east-1:0:campaign/two",
        "1,200 objects and versions in s3://shop",
        "AWS::Logs::LogGroup /aws/lambda/shop, by its tags",
        "arn:aws:rds:us-east-1:0:db:shop: to be deleted by hand",
    ]
    rows = [tuple(row) for row in cleanup.inventory(found).itertuples(index=False)]
    assert rows == [
        ("personalize campaign", 2, "one"),
        ("S3 object or version", 1200, "shop"),
        ("Logs LogGroup", 1, "/aws/lambda/shop"),
        ("rds db", 1, "shop"),
    ]
    assert cleanup.inventory([]).empty


def test_looking_changes_nothing(environment: Any, personalize: Any) -> None:
    first = cleanup.find(environment.group, environment.stack)
    assert cleanup.find(environment.group, environment.stack) == first


def test_all_is_destroyed_and_nothing_is_left(
    environment: Any, personalize: Any, exists: Callable[[str], set[str]]
) -> None:
    environment.grown("api")
    made = {"bucket", "stream", "table", "function", "queue", "api", "role", "log", "rule"}
    made |= {"topic", "alarm", "dashboard"}
    assert exists(environment.suffix) == made
    said: list[str] = []
    assert cleanup.destroy(environment.group, environment.stack, report=said.append) == []
    assert exists(environment.suffix) == set()
    deleted = [line for line in said if line.endswith(": deleted")]
    assert kinds(deleted) == ["solution", "filter", "event-tracker", "dataset", "schema", "dataset-group"]


def test_what_trains_is_stopped_and_not_waited_for(environment: Any, client: Callable[[str], Any]) -> None:
    shop, said = shops.stocked_shop(client), list[str]()
    version = shops.start_version(shop, "aws-user-personalization", performHPO=True, performAutoTraining=False)
    assert cleanup.destroy(shop.name, environment.stack, report=said.append) == []
    assert said[0] == f"{version}: its training is stopped"


def test_recommenders_and_what_measures_them_go_before_their_group(
    environment: Any, client: Callable[[str], Any]
) -> None:
    service = client("personalize")
    group = service.create_dataset_group(name=environment.group, domain="ECOMMERCE")["datasetGroupArn"]
    active(lambda: service.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    name = f"shop-interactions-{environment.suffix}"
    schema = service.create_schema(name=name, schema=json.dumps(SCHEMA), domain="ECOMMERCE")["schemaArn"]
    service.create_dataset(name=name, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    recipe = "arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-views"
    service.create_recommender(name=name, datasetGroupArn=group, recipeArn=recipe)
    metrics = [{"eventType": "View", "metricName": "views", "expression": "SAMPLECOUNT()"}]
    output = {"roleArn": "arn:aws:iam::000000000000:role/personalize"}
    service.create_metric_attribution(name=name, datasetGroupArn=group, metrics=metrics, metricsOutputConfig=output)
    expected = ["recommender", "metric-attribution", "dataset", "schema", "dataset-group"]
    assert kinds(cleanup.find(environment.group, environment.stack)) == expected
    assert cleanup.destroy(environment.group, environment.stack) == []


def test_alarms_are_named_before_they_go(environment: Any) -> None:
    environment.grown("stream")
    lines = cleanup.find(environment.group, environment.stack)
    assert f"AWS::CloudWatch::Alarm recsys-FailureQueueFilled-{environment.suffix}" in lines


def test_a_bucket_with_old_versions_and_deleted_objects_is_emptied(
    environment: Any, client: Callable[[str], Any]
) -> None:
    bucket, s3 = environment.grown("bucket")["BucketName"], client("s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="tables/a.csv", Body=body)
    s3.delete_object(Bucket=bucket, Key="tables/a.csv")
    assert f"3 objects and versions in s3://{bucket}" in cleanup.find(environment.group, environment.stack)
    assert cleanup.destroy(environment.group, environment.stack) == []


def test_a_schema_whose_dataset_went_in_a_run_cut_short_is_still_found(environment: Any, client: Any) -> None:
    name = f"shop-items-{environment.suffix}-2"
    arn = client("personalize").create_schema(name=name, schema=json.dumps(SCHEMA))["schemaArn"]
    assert cleanup.find(environment.group, environment.stack) == [arn]


def test_another_environments_things_stay(environment: Any, personalize: Any, client: Callable[[str], Any]) -> None:
    other = client("personalize").create_schema(name="shop-items-elsewhere", schema=json.dumps(SCHEMA))["schemaArn"]
    cleanup.destroy(environment.group, environment.stack)
    assert personalize.describe_schema(schemaArn=other)["schema"]["name"] == "shop-items-elsewhere"
    personalize.delete_schema(schemaArn=other)


def test_what_s3_keeps_of_a_bucket_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "Object Lock"}]}
    monkeypatch.setattr(bucket, "versions", lambda name: iter([{"Key": "k", "VersionId": "1"}]))
    monkeypatch.setattr(aws, "call", lambda operation, **request: kept)
    with pytest.raises(AwsError, match="s3://b keeps 1 objects, such as k: AccessDenied: Object Lock"):
        bucket.empty("b")
