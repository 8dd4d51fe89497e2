"""The SDK's own classes against the embedded AWS: train, register, host, update, score in batch, prepare."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest

from recsys import aws, resources
from recsys.errors import Refused
from recsys.sagemaker import endpoints, processing, registry, scaling, sdk, training, transform
from recsys.sagemaker.endpoints import ONE, Variant

BUCKET, IMAGE = "sdk-tests", "000000000000.dkr.ecr.us-east-1.amazonaws.com/recsys:latest"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
ALLOWED = {"Effect": "Allow", "Action": ["s3:*", "logs:*", "cloudwatch:PutMetricData"], "Resource": "*"}
TAGS = {"project": "recsys", "stage": "sdk"}
SMALL = {"hyperparameters": {"budget_seconds": 0.1, "seed": 7, "threads": 1}, "instance": "ml.m5.large"}
ENDPOINT = "recommendations-sdk"


@pytest.fixture(scope="module")
def role(embedded: Any) -> Iterator[str]:
    """A role for SageMaker, and a bucket with the interactions of 60 users whose next item can be learned."""
    aws.client.cache_clear()
    s3, iam = boto3.client("s3"), boto3.client("iam")
    s3.create_bucket(Bucket=BUCKET)
    rows = [f"u{u},i{(u + 3 * step) % 40},{1_700_000_000 + 60 * step}" for u in range(60) for step in range(12)]
    table = "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows])
    s3.put_object(Bucket=BUCKET, Key="in/interactions.csv", Body=table)
    s3.put_object(Bucket=BUCKET, Key="raw/shop.csv", Body=table.replace("USER_ID", "customer"))
    trust, allowed = ({"Version": "2012-10-17", "Statement": [each]} for each in (TRUST, ALLOWED))
    made = iam.create_role(RoleName="sdk-tests", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.put_role_policy(RoleName="sdk-tests", PolicyName="jobs", PolicyDocument=json.dumps(allowed))
    yield made["Arn"]
    sagemaker = boto3.client("sagemaker")
    for endpoint in sagemaker.list_endpoints(NameContains="-sdk")["Endpoints"]:
        sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])


@pytest.fixture(scope="module")
def train(role: str) -> Callable[..., Any]:
    def trained(**options: Any) -> Any:
        asked = {**SMALL, "image": IMAGE, **options}
        place = f"s3://{BUCKET}/sagemaker"
        return training.ensure_training_job(
            "recsys-train-sdk", f"s3://{BUCKET}/in/interactions.csv", place, role, TAGS, **asked
        )

    return trained


@pytest.fixture(scope="module")
def job(train: Callable[..., Any]) -> Any:
    return train(spot=True, isolated=True)


@pytest.fixture(scope="module")
def package(job: Any) -> Any:
    group = registry.ensure_group("recommenders-sdk", TAGS)
    registered = registry.register_model(group, job, IMAGE, training.final_metrics(job))
    return registry.approve(registered, "a test")


@pytest.fixture(scope="module")
def model(package: Any, role: str) -> str:
    return endpoints.ensure_model(ENDPOINT, package, role, TAGS)


@pytest.fixture(scope="module")
def endpoint(model: str) -> Any:
    return endpoints.ensure_endpoint(ENDPOINT, {ONE: Variant(model, "ml.m5.large")}, TAGS)


def test_the_sdk_comes_without_a_word_and_sends_nothing_to_its_maker(embedded: Any) -> None:
    sdk.resources()
    from sagemaker.core.common_utils import resolve_value_from_config
    from sagemaker.core.config.config_schema import TELEMETRY_OPT_OUT_PATH

    session = sdk.session(BUCKET)
    assert resolve_value_from_config(config_path=TELEMETRY_OPT_OUT_PATH, sagemaker_session=session) is True
    assert logging.getLogger("sagemaker.core").getEffectiveLevel() == logging.ERROR


def test_a_job_leaves_a_model_and_its_metrics_and_is_tagged(job: Any) -> None:
    assert sdk.exists(job.model_artifacts.s3_model_artifacts)
    assert {"test:ndcg_at_10", "validation:ndcg_at_10", "train:seconds"} <= set(training.final_metrics(job))
    assert job.enable_managed_spot_training and job.enable_network_isolation
    told = boto3.client("sagemaker").list_tags(ResourceArn=job.training_job_arn)["Tags"]
    assert {each["Key"]: each["Value"] for each in told} == TAGS


def test_the_log_tells_each_value_in_its_order(job: Any) -> None:
    told, last = training.reported(job), training.final_metrics(job)
    assert told.groupby("metric_name")["value"].last().to_dict() == pytest.approx(last)
    assert (told["metric_name"] == "validation:ndcg_at_10").sum() > 1


def test_the_same_data_and_settings_train_once_and_others_anew(train: Callable[..., Any], job: Any) -> None:
    assert train().training_job_name == job.training_job_name
    other = train(hyperparameters={"model": "popularity"})
    assert other.training_job_name != job.training_job_name


def test_a_job_that_fails_says_what_the_container_said(train: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match=r'FAILED: .*hyperparameter seed is "many"'):
        train(hyperparameters={"seed": "many"})


def test_a_job_s_model_is_registered_once_and_approved_with_its_metrics(package: Any, job: Any) -> None:
    group = registry.ensure_group("recommenders-sdk", TAGS)
    again = registry.register_model(group, job, IMAGE, {})
    assert (again.model_package_arn, again.model_approval_status) == (package.model_package_arn, "Approved")
    told = float(again.customer_metadata_properties["test/ndcg_at_10"])
    assert told == pytest.approx(training.final_metrics(job)["test:ndcg_at_10"])


def test_an_endpoint_answers_one_user_and_many(endpoint: Any) -> None:
    one = endpoints.ask(endpoint, {"userId": "u1", "numResults": 3})
    many = endpoints.ask(endpoint, {"instances": [{"userId": "u1"}, {"userId": "nobody"}], "numResults": 3})
    asked = [[item["itemId"] for item in answer["recommendations"]] for answer in (one, many["predictions"][0])]
    assert asked[0] == asked[1] == endpoints.best(ENDPOINT, "u1", 3)
    assert [len(answer["recommendations"]) for answer in many["predictions"]] == [3, 3]
    assert [answer["known"] for answer in many["predictions"]] == [True, False]


def test_an_endpoint_as_it_is_to_be_is_left_alone(endpoint: Any, model: str) -> None:
    again = endpoints.ensure_endpoint(ENDPOINT, {ONE: Variant(model, "ml.m5.large")}, TAGS)
    assert again.last_modified_time == endpoint.last_modified_time


def test_two_variants_share_the_calls_and_each_can_be_asked(model: str) -> None:
    both = {name: Variant(model, "ml.m5.large", weight=weight) for name, weight in (("A", 1.0), ("B", 3.0))}
    tested = endpoints.ensure_endpoint("experiment-sdk", both, TAGS)
    assert {each.variant_name: each.current_weight for each in tested.production_variants} == {"A": 1.0, "B": 3.0}
    assert endpoints.ask(tested, {"userId": "u1"}, "A") == endpoints.ask(tested, {"userId": "u1"}, "B")


def test_an_endpoint_is_switched_to_another_model(endpoint: Any, train: Callable[..., Any], role: str) -> None:
    popular = train(hyperparameters={"model": "popularity"})
    group = registry.ensure_group("recommenders-sdk", TAGS)
    package = registry.approve(registry.register_model(group, popular, IMAGE, {}), "a test")
    model = endpoints.ensure_model(ENDPOINT, package, role, TAGS)
    switched = endpoints.ensure_endpoint(ENDPOINT, {ONE: Variant(model, "ml.m5.large")}, TAGS)
    assert switched.endpoint_config_name != endpoint.endpoint_config_name
    asked = [endpoints.ask(switched, {"userId": user, "numResults": 3})["recommendations"] for user in ("u1", "u2")]
    assert asked[0] == asked[1]


def test_a_model_that_cannot_load_leaves_the_old_one_serving_and_says_why(endpoint: Any, job: Any, role: str) -> None:
    artefact = job.model_artifacts.s3_model_artifacts
    broken = type("Job", (), {"training_job_name": "broken", "output_data_config": job.output_data_config})()
    broken.model_artifacts = type("Artefacts", (), {"s3_model_artifacts": artefact.replace("model.tar", "broken.tar")})
    key = broken.model_artifacts.s3_model_artifacts.removeprefix(f"s3://{BUCKET}/")
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"no archive")
    group = registry.ensure_group("recommenders-sdk", TAGS)
    package = registry.approve(registry.register_model(group, broken, IMAGE, {}), "a test")
    model = endpoints.ensure_model(ENDPOINT, package, role, TAGS)
    with pytest.raises(Refused, match=f"endpoint {ENDPOINT} keeps its old variants: .*archive"):
        endpoints.ensure_endpoint(ENDPOINT, {ONE: Variant(model, "ml.m5.large")}, TAGS)
    assert endpoints.ask(endpoint, {"userId": "u1"})["recommendations"]
    with pytest.raises(Refused, match=r"FAILED: .*archive"):
        endpoints.ensure_endpoint("fresh-sdk", {ONE: Variant(model, "ml.m5.large")}, TAGS)


def test_an_endpoint_that_never_came_up_makes_room(model: str) -> None:
    assert boto3.client("sagemaker").describe_endpoint(EndpointName="fresh-sdk")["EndpointStatus"] == "Failed"
    made = endpoints.ensure_endpoint("fresh-sdk", {ONE: Variant(model, "ml.m5.large")}, TAGS)
    assert endpoints.ask(made, {"userId": "u1"})["known"]


def test_a_serverless_endpoint_answers(model: str) -> None:
    served = endpoints.ensure_endpoint("serverless-sdk", {ONE: Variant(model, memory_mb=1024, concurrency=2)}, TAGS)
    assert served.production_variants[0].current_serverless_config.memory_size_in_mb == 1024
    assert endpoints.ask(served, {"userId": "u1"})["known"]


def test_a_variant_is_kept_between_two_numbers_of_instances(endpoint: Any) -> None:
    for most in (2, 3):
        scaling.autoscale(ENDPOINT, ONE, 1, most, 600, TAGS)
    told = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    assert [(target["MinCapacity"], target["MaxCapacity"]) for target in told["ScalableTargets"]] == [(1, 3)]


def test_every_user_of_a_file_is_answered_in_order(model: str, tmp_path: Path) -> None:
    users = [f"u{number}" for number in range(60)]
    file = transform.write_questions(tmp_path / "users.jsonl", users, 4)
    boto3.client("s3").upload_file(str(file), BUCKET, "batch/users.jsonl")
    name = "batch-sdk-of-all-users-of-the-shop-and-what-they-want"
    asked = (name, model, f"s3://{BUCKET}/batch/users.jsonl", f"s3://{BUCKET}/answers", TAGS)
    done = transform.batch_transform(*asked, instance="ml.m5.large")
    answers = transform.read_answers(done)
    assert list(dict.fromkeys(answers["USER_ID"])) == users
    assert answers.groupby("USER_ID")["rank"].agg(list).map(lambda ranks: ranks == [1, 2, 3, 4]).all()
    assert transform.batch_transform(*asked, instance="ml.m5.large").transform_job_name == done.transform_job_name


def test_a_long_name_leaves_room_for_what_tells_jobs_apart() -> None:
    one, two = (sdk.digested("x" * 60 + end, image="a") for end in "ab")
    assert one != two and sdk.stamped(one).startswith(one) and len(sdk.stamped(one)) == 63


def test_a_processing_job_prepares_a_file_of_other_names(role: str) -> None:
    done, address = processing.prepare_data(
        "recsys-prepare-sdk",
        f"s3://{BUCKET}/raw/shop.csv",
        f"s3://{BUCKET}/prepared",
        role,
        TAGS,
        image=IMAGE,
        instance="ml.m5.large",
        columns={"USER_ID": "customer"},
    )
    body = boto3.client("s3").get_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))["Body"]
    assert set(pd.read_csv(body)["USER_ID"]) == {f"u{number}" for number in range(60)}
    assert done.processing_job_status == "Completed"


def test_what_is_recorded_of_sagemaker_stands_until_it_is_gone(endpoint: Any, package: Any, job: Any) -> None:
    arns = [endpoint.endpoint_arn, package.model_package_arn, job.training_job_arn]
    assert [resources.exists(arn) for arn in arns] == [True] * 3
    assert not resources.exists(endpoint.endpoint_arn.replace(ENDPOINT, "gone"))
    assert not resources.exists(package.model_package_arn + "99")


def test_a_job_whose_model_is_gone_trains_anew(train: Callable[..., Any]) -> None:
    first = train(hyperparameters={"model": "popularity"})
    key = first.model_artifacts.s3_model_artifacts.removeprefix(f"s3://{BUCKET}/")
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
    assert sdk.exists(train(hyperparameters={"model": "popularity"}).model_artifacts.s3_model_artifacts)
