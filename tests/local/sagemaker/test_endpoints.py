"""Endpoints through boto3: create, invoke, update, delete, and every way in which a request is refused."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_requests import configure, make_model, named, put, settled
from waiting import eventually

from recsys.local.sagemaker.access import needed
from recsys.local.sagemaker.control import Control

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def runtime(client: Make) -> Any:
    return client("sagemaker-runtime")


def ask(runtime: Any, endpoint: str, body: Any, **options: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    options = {"ContentType": "application/json", **options}
    return json.loads(runtime.invoke_endpoint(EndpointName=endpoint, Body=content, **options)["Body"].read())


def refused(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response


def test_known_and_unknown_users_both_get_items(endpoint: str, runtime: Any) -> None:
    answer = ask(runtime, endpoint, {"userId": "u1", "numResults": 3})
    assert answer["known"] and len(answer["recommendations"]) == 3
    stranger = ask(runtime, endpoint, {"userId": "nobody"})
    assert not stranger["known"] and stranger["recommendations"]


def test_ten_thousand_users_in_one_call(endpoint: str, runtime: Any) -> None:
    instances = [{"userId": f"u{number % 40}"} for number in range(10_000)]
    answer = ask(runtime, endpoint, {"instances": instances, "numResults": 3})
    assert [each["userId"] for each in answer["predictions"]] == [each["userId"] for each in instances]


@pytest.mark.parametrize(
    ("body", "content", "status", "told"),
    [
        (b"", "application/json", 400, "empty"),
        (b"{", "application/json", 400, "JSON"),
        (b"{}", "text/plain", 415, "text/plain"),
        (b'{"userId": "u1", "numResults": 0}', "application/json", 400, "numResults"),
    ],
)
def test_what_a_container_refuses_is_a_model_error_with_its_words(
    endpoint: str, runtime: Any, body: bytes, content: str, status: int, told: str
) -> None:
    error = refused(lambda: ask(runtime, endpoint, body, ContentType=content))
    assert error["Error"]["Code"] == "ModelError" and error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status and told in error["OriginalMessage"]
    assert f"Received client error ({status}) from primary with message" in error["Error"]["Message"]


def test_more_than_the_payload_limit_is_refused(endpoint: str, runtime: Any) -> None:
    error = refused(lambda: ask(runtime, endpoint, b" " * 6_291_457))
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413 and "6291456" in error["Error"]["Message"]


def test_an_endpoint_that_is_not_there(runtime: Any, sagemaker: Any) -> None:
    error = refused(lambda: ask(runtime, "nobody", {}))["Error"]
    assert (error["Code"], error["Message"]) == (
        "ValidationError",
        "Endpoint nobody of account 000000000000 not found.",
    )
    error = refused(lambda: sagemaker.describe_endpoint(EndpointName="nobody"))["Error"]
    assert error["Code"] == "ValidationException" and error["Message"].startswith('Could not find endpoint "arn:aws:')


@pytest.mark.parametrize("broken", ["not an archive", "no model"])
def test_a_model_that_cannot_be_loaded_fails_the_endpoint_with_its_reason(
    sagemaker: Any, role: str, client: Make, bucket: str, artefact: str, broken: str
) -> None:
    url = put(client, "broken.tar.gz", b"nonsense") if broken == "not an archive" else artefact
    environment = {} if broken == "not an archive" else {"SAGEMAKER_BASE_DIR": "/nowhere"}
    name = named("broken")
    configure(sagemaker, name, make_model(sagemaker, role, url, Environment=environment))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    found = settled(sagemaker, name)
    if broken == "no model":  # the base folder is not the user's to choose
        assert found["EndpointStatus"] == "InService"
    else:
        assert found["EndpointStatus"] == "Failed" and "valid tar.gz archive" in found["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_an_update_under_load_fails_no_call(endpoint: str, sagemaker: Any, runtime: Any, model: str) -> None:
    going, failed = threading.Event(), []

    def calls() -> int:
        count = 0
        while not going.is_set():
            try:
                ask(runtime, endpoint, {"userId": "u1"})
            except ClientError as error:
                failed.append(error)
            count += 1
        return count

    renewed = named("config")
    configure(sagemaker, renewed, model)
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(calls) for _ in range(4)]
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=renewed)
        assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"
        found = settled(sagemaker, endpoint)
        time.sleep(0.2)
        going.set()
        answered = sum(each.result() for each in clients)
    assert found["EndpointConfigName"] == renewed and "FailureReason" not in found
    assert not failed and answered > 20


def test_an_update_to_a_broken_model_leaves_the_old_one_serving(
    endpoint: str, sagemaker: Any, runtime: Any, role: str, client: Make, bucket: str
) -> None:
    bad = named("config")
    configure(sagemaker, bad, make_model(sagemaker, role, put(client, "bad.tar.gz", b"nonsense")))
    before = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=bad)
    found = settled(sagemaker, endpoint)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", before)
    assert "valid tar.gz archive" in found["FailureReason"]
    assert ask(runtime, endpoint, {"userId": "u1"})["known"]


def test_traffic_is_split_by_weight_and_a_variant_can_be_asked_for(sagemaker: Any, runtime: Any, model: str) -> None:
    name = named("ab")
    configure(sagemaker, name, model, model)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)

    def variants(**options: str) -> set[str]:
        body = json.dumps({"userId": "u1"})
        request = {"EndpointName": name, "Body": body, "ContentType": "application/json", **options}
        return {runtime.invoke_endpoint(**request)["InvokedProductionVariant"] for _ in range(30)}

    assert variants() == {"A", "B"} and variants(TargetVariant="B") == {"B"}
    weights = [{"VariantName": "A", "DesiredWeight": 0.0, "DesiredInstanceCount": 2}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=weights)
    found = settled(sagemaker, name)
    shown = {each["VariantName"]: each for each in found["ProductionVariants"]}
    assert found.get("FailureReason") is None
    assert (shown["A"]["CurrentWeight"], shown["A"]["CurrentInstanceCount"]) == (0.0, 2)
    assert variants() == {"B"}
    none = [{"VariantName": "B", "DesiredInstanceCount": 0}]
    error = refused(
        lambda: sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=none)
    )["Error"]
    assert error["Code"] == "ValidationException" and "at least 1" in error["Message"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_more_processes_than_the_machine_should_have_are_refused(sagemaker: Any, model: str) -> None:
    name = named("many")
    variant = {"VariantName": "A", "ModelName": model, "InitialInstanceCount": 100, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    error = refused(lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name))["Error"]
    assert error["Code"] == "ResourceLimitExceeded" and "100 Instances" in error["Message"]


def test_invocations_are_counted_in_cloudwatch(endpoint: str, runtime: Any, client: Make) -> None:
    ask(runtime, endpoint, {"userId": "u1"})
    request = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "A"}],
        "StartTime": time.time() - 300,
        "EndTime": time.time() + 60,
        "Period": 600,
        "Statistics": ["Sum"],
    }
    (point,) = eventually(lambda: client("cloudwatch").get_metric_statistics(**request)["Datapoints"])
    assert point["Sum"] >= 1


def test_a_variant_is_registered_for_scaling(endpoint: str, client: Make) -> None:
    scaling = client("application-autoscaling")
    key = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/A",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**key, MinCapacity=1, MaxCapacity=2)
    tracking = {
        "TargetValue": 100.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    scaling.put_scaling_policy(
        **key,
        PolicyName="busy",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    mine = {"ServiceNamespace": "sagemaker", "ResourceIds": [key["ResourceId"]]}
    (target,) = scaling.describe_scalable_targets(**mine)["ScalableTargets"]
    (policy,) = scaling.describe_scaling_policies(**key)["ScalingPolicies"]
    assert (target["MaxCapacity"], policy["PolicyName"]) == (2, "busy")
    other = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/other/variant/A"}
    assert scaling.describe_scaling_policies(**other, PolicyNames=["busy"])["ScalingPolicies"] == []
    scaling.deregister_scalable_target(**key)
    assert scaling.describe_scaling_policies(**key)["ScalingPolicies"] == []


def test_many_models_behind_one_endpoint(
    sagemaker: Any, runtime: Any, role: str, client: Make, bucket: str, artefact: str
) -> None:
    place, _, key = artefact.removeprefix("s3://").partition("/")
    client("s3").copy_object(Bucket=bucket, Key="many/one.tar.gz", CopySource={"Bucket": place, "Key": key})
    name = named("many")
    configure(sagemaker, name, make_model(sagemaker, role, f"s3://{bucket}/many/", Mode="MultiModel"))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled(sagemaker, name)["EndpointStatus"] == "InService"
    assert ask(runtime, name, {"userId": "u1"}, TargetModel="one.tar.gz")["known"]
    error = refused(lambda: ask(runtime, name, {"userId": "u1"}, TargetModel="two.tar.gz"))["Error"]
    assert error["Code"] == "ValidationError" and "two.tar.gz" in error["Message"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_is_deleted_with_its_processes(sagemaker: Any, model: str) -> None:
    name = named("short")
    configure(sagemaker, name, model)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)
    sagemaker.delete_endpoint(EndpointName=name)

    def listed() -> list[str]:
        return [each["EndpointName"] for each in sagemaker.list_endpoints(NameContains=name)["Endpoints"]]

    eventually(lambda: not listed())


def test_weights_are_changed_by_who_may_change_that_endpoint() -> None:
    control = Control(None, "us-east-1", "000000000000")
    (need,) = needed(control, "UpdateEndpointWeightsAndCapacities", {"EndpointName": "live"})
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/live"
    assert need == ("sagemaker:UpdateEndpointWeightsAndCapacities", arn, {})
