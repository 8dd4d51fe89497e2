"""The seed architecture with a real endpoint and no campaign: profiles -> daily batch -> endpoint -> profiles -> API.

The model is trained as a job and hosted with the stack's own role; the environment's clean-up takes all of it away.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import privileges
import pytest
from api_calls import raw
from policies import HERE, policies
from sagemaker_requests import IMAGE, training
from small_shop import shop
from waiting import eventually

from recsys import aws, deploy, stream
from recsys.deploy import cleanup, prices
from recsys.deploy.standing import billed_now
from recsys.lambdas.batch_processor import age
from recsys.lambdas.batch_processor.endpoint import EndpointSource
from recsys.lambdas.batch_processor.source import Gone
from recsys.lambdas.clock import Clock

SUFFIX = "cheap"
STACK, ENDPOINT = f"recsys-{SUFFIX}", f"recommendations-{SUFFIX}"
TAGS = {"project": "recsys", "stage": SUFFIX}
ENDED = ("Completed", "Failed", "Stopped")

Client = Callable[[str], Any]
Outputs = dict[str, str]


@pytest.fixture(scope="module")
def cheap(embedded: Any, client: Client) -> Iterator[Outputs]:
    """Outputs of an environment with an endpoint and without a campaign."""
    aws.client.cache_clear()
    tracked = {"EnvironmentSuffix": SUFFIX, "TrackingId": "00000000-0000-4000-8000-000000000000"}
    outputs = deploy.deploy(STACK, tracked, TAGS)
    try:
        interactions, items = shop()
        deploy.publish_popular(outputs["BucketName"], interactions, items)
        body = io.BytesIO(interactions.to_csv(index=False).encode())
        client("s3").upload_fileobj(body, outputs["BucketName"], "sagemaker/interactions/interactions.csv")
        hosted(client, trained(client, outputs), outputs["SageMakerRoleArn"])
        transformed(client, f"s3://{outputs['BucketName']}/sagemaker")
        yield deploy.deploy(STACK, {"EndpointName": ENDPOINT}, TAGS)
    finally:
        assert cleanup.destroy(f"shop-{SUFFIX}", STACK, SUFFIX) == []
        assert not scaled(client)


def tags() -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in TAGS.items()]


def trained(client: Client, outputs: Outputs) -> str:
    """Where the model of a training job lies."""
    bucket, name = outputs["BucketName"], f"recsys-train-{SUFFIX}"
    place = f"s3://{bucket}/sagemaker"
    request = training(name, f"{place}/interactions/", f"{place}/models", outputs["SageMakerRoleArn"], Tags=tags())
    client("sagemaker").create_training_job(**request, HyperParameters={"budget_seconds": "0.1"})
    job = eventually(lambda: ended(client("sagemaker").describe_training_job(TrainingJobName=name)))
    assert job["TrainingJobStatus"] == "Completed", job
    return job["ModelArtifacts"]["S3ModelArtifacts"]


def ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["TrainingJobStatus"] in ENDED else None


def hosted(client: Client, model: str, role: str) -> None:
    sagemaker = client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": model}
    sagemaker.create_model(ModelName=ENDPOINT, PrimaryContainer=container, ExecutionRoleArn=role, Tags=tags())
    variant = {"VariantName": "AllTraffic", "ModelName": ENDPOINT, "InstanceType": "ml.m5.large"}
    variants = [{**variant, "InitialInstanceCount": 1, "InitialVariantWeight": 1.0}]
    sagemaker.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=variants, Tags=tags())
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT, Tags=tags())
    found = eventually(lambda: settled(sagemaker.describe_endpoint(EndpointName=ENDPOINT)))
    assert found["EndpointStatus"] == "InService", found
    target = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    target["ResourceId"] = f"endpoint/{ENDPOINT}/variant/AllTraffic"
    client("application-autoscaling").register_scalable_target(**target, MinCapacity=1, MaxCapacity=2, Tags=TAGS)
    assert scaled(client)


def transformed(client: Client, place: str) -> None:
    """A user's answer by a batch transform, which works with the model's role."""
    sagemaker, name = client("sagemaker"), f"recsys-batch-{SUFFIX}"
    bucket = place.split("/")[2]
    client("s3").put_object(Bucket=bucket, Key="sagemaker/users/users.jsonl", Body=b'{"userId": "user-1"}')
    asked = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{place}/users/"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=ENDPOINT,
        TransformInput={"DataSource": asked, "ContentType": "application/jsonlines", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"{place}/answers"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        Tags=tags(),
    )
    ended = eventually(lambda: done(sagemaker.describe_transform_job(TransformJobName=name)))
    assert ended["TransformJobStatus"] == "Completed", ended


def done(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["TransformJobStatus"] in ENDED else None


def scaled(client: Client) -> bool:
    """Whether Application Auto Scaling knows the endpoint."""
    found = client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    return any(f"/{ENDPOINT}/" in target["ResourceId"] for target in found["ScalableTargets"])


def settled(endpoint: dict[str, Any]) -> dict[str, Any] | None:
    return None if endpoint["EndpointStatus"] == "Creating" else endpoint


def put(client: Client, table: str, users: dict[str, Sequence[str]]) -> None:
    """Profiles as the stream processor leaves them: each user's items, newest first, a second apart."""
    now = time.time()
    for user, items in users.items():
        moments = [{"N": str(round(now - at, 3))} for at in range(len(items))]
        events = [{"M": {"itemId": {"S": item}, "timestamp": at}} for item, at in zip(items, moments, strict=True)]
        item = {"userId": {"S": user}, "lastEventAt": moments[0], "lastItems": {"L": events}}
        client("dynamodb").put_item(TableName=table, Item=item)


def run(client: Client, outputs: Outputs, date: str) -> dict[str, Any]:
    """What the deployed function wrote for a day."""
    name, payload = outputs["BatchProcessorFunctionName"], json.dumps({"date": date})
    answer = client("lambda").invoke(FunctionName=name, Payload=payload)
    assert "FunctionError" not in answer, answer["Payload"].read()
    written = client("s3").get_object(Bucket=outputs["BucketName"], Key=f"batch-results/{date}/results.json")
    return json.loads(written["Body"].read())


@pytest.fixture(scope="module")
def results(cheap: Outputs, client: Client) -> dict[str, Any]:
    """Of a day on which 120 users came by, of whom training knew 60."""
    users = {f"user-{number}": [f"item-{number % 24}", f"item-{(number - 1) % 24}"] for number in range(120)}
    put(client, cheap["TableName"], users)
    return run(client, cheap, "2026-11-01")


def test_every_user_is_served_by_the_endpoint(results: dict[str, Any]) -> None:
    assert (results["found"], results["served"], results["failed"]) == (120, 120, 0)
    assert results["recommendedBy"] == ENDPOINT
    assert {len(each["recommendations"]) for each in results["users"]} == {10}


def test_what_a_user_did_last_decides_what_is_recommended(results: dict[str, Any]) -> None:
    first = {each["userId"]: each["recommendations"][0]["itemId"] for each in results["users"]}
    strangers = {number: first[f"user-{number}"] for number in range(60, 120)}
    # In this shop item i leads to item i + 1.
    assert strangers == {number: f"item-{(number + 1) % 24}" for number in strangers}


def test_the_catalogue_gives_an_item_its_title_and_price(results: dict[str, Any]) -> None:
    for item in results["users"][0]["recommendations"]:
        number = int(item["itemId"].removeprefix("item-"))
        assert (item["title"], item["price"]) == (f"The {item['itemId']}", number + 0.5)


def test_what_scales_the_endpoint_goes_with_it_and_leaves_nothing_to_do_by_hand(cheap: Outputs, client: Client) -> None:
    filters = [{"Key": key, "Values": [value]} for key, value in TAGS.items()]
    tagged = client("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
    assert [each for each in tagged if ":scalable-target/" in each["ResourceARN"]]
    assert not [line for line in cleanup.find(f"shop-{SUFFIX}", STACK, SUFFIX) if "by hand" in line]


class TestTheApiWithoutACampaign:
    def test_answers_from_the_batch_and_says_how_stale_that_is(self, cheap: Outputs, results: dict[str, Any]) -> None:
        (listed,) = [each for each in results["users"] if each["userId"] == "user-7"]
        status, _, answer = raw(f"{cheap['ApiUrl']}/recommendations/user-7?numResults=3")
        assert (status, answer["source"], answer["recommendedBy"]) == (200, "batch", ENDPOINT)
        assert answer["recommendations"] == listed["recommendations"][:3]
        assert 0 <= answer["ageSeconds"] < 3600

    def test_answers_whom_no_batch_served_with_what_is_popular(self, cheap: Outputs) -> None:
        status, _, answer = raw(f"{cheap['ApiUrl']}/recommendations/unheard-of")
        assert (status, answer["source"], len(answer["recommendations"])) == (200, "popular", 5)
        assert "ageSeconds" not in answer

    def test_says_what_needs_a_campaign_and_takes_events_as_ever(self, cheap: Outputs) -> None:
        ask, event = {"userId": "u", "itemIds": ["item-1"]}, {"userId": "u", "itemId": "item-1", "eventType": "view"}
        similar = raw(f"{cheap['ApiUrl']}/similar-items/item-1")
        ranking = raw(f"{cheap['ApiUrl']}/rankings", "POST", json.dumps(ask).encode())
        assert [(each[0], each[2]["error"]["code"]) for each in (similar, ranking)] == [(404, "NotConfigured")] * 2
        assert raw(f"{cheap['ApiUrl']}/events", "POST", json.dumps(event).encode())[0] == 202
        stream.await_events(cheap["TableName"], {"u": 1})

    def test_tells_what_it_serves(self, cheap: Outputs) -> None:
        health = raw(f"{cheap['ApiUrl']}/health")[2]
        assert (health["endpointName"], health["campaignArn"]) == (ENDPOINT, None)


def test_the_models_age_is_that_of_the_model_whenever_its_endpoint_changed(cheap: Outputs, client: Client) -> None:
    made = client("sagemaker").describe_model(ModelName=ENDPOINT)["CreationTime"]
    passed = (datetime.now(UTC) - made).total_seconds()
    assert passed <= age.of_endpoint(client("sagemaker"), ENDPOINT) * 86400 < passed + 60


def test_an_endpoint_that_is_not_there_is_told_at_once(cheap: Outputs, client: Client) -> None:
    class Context:
        get_remaining_time_in_millis = staticmethod(lambda: 900_000)

    with pytest.raises(Gone, match=r"Endpoint nowhere of account \d+ not found"):
        EndpointSource(client("sagemaker-runtime"), "nowhere", {}).recommend({"u": []}, Clock(Context()))


def test_an_endpoint_that_stands_costs_by_its_instances(cheap: Outputs) -> None:
    known, in_ten_hours = prices.load(), datetime.now(UTC) + timedelta(hours=10)
    found = {each.resource: each.usd for each in billed_now(f"shop-{SUFFIX}", STACK, known, in_ten_hours)}
    (usd,) = [usd for arn, usd in found.items() if arn.endswith(f":endpoint/{ENDPOINT}")]
    assert usd == pytest.approx(10 * known.sagemaker.hour("ml.m5.large"), rel=0.05)


def test_the_roles_were_refused_nothing_and_the_batch_needs_all_it_may_do(
    embedded: Any, cheap: Outputs, results: dict[str, Any], client: Client
) -> None:
    roles, calls = privileges.roles(client, STACK), privileges.made_calls(embedded.endpoint)
    assert [call for call in calls if call["role"] in roles.values() and not call["allowed"]] == []
    spare = privileges.idle(client, {"BatchProcessorRole": roles["BatchProcessorRole"]}, calls)
    # What it does where its time is over.
    assert {action for _, action, _ in spare} == {"lambda:InvokeFunction", "s3:AbortMultipartUpload"}


def test_sagemakers_role_and_the_batchs_may_do_what_is_written_down_and_no_more(
    embedded: Any, cheap: Outputs, results: dict[str, Any], client: Client
) -> None:
    roles, bucket = privileges.roles(client, STACK), cheap["BucketName"]
    its = {logical: roles[logical] for logical in ("SageMakerRole", "BatchProcessorRole")}
    place = {"bucket": bucket, "suffix": SUFFIX, "endpoint": ENDPOINT}
    written = policies("SageMakerRole", "BatchProcessorRole with an endpoint", **place)
    assert list(privileges.granted(client, its).values()) == list(written.values())
    calls = privileges.made_calls(embedded.endpoint)
    # Here is one endpoint, one day's batch, and a SageMaker that writes its logs itself.
    once = [f"s3:::{bucket}/batch-results/*"] + [f"sagemaker:{HERE}:{kind}/*" for kind in ("endpoint-config", "model")]
    once.append(f"logs:{HERE}:log-group:/aws/sagemaker/*")
    assert {pattern.removeprefix("arn:aws:") for _, pattern in privileges.wide(client, its, calls)} == set(once)
