"""Asynchronous inference through boto3: the payload lies in S3, and so will the answer."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from hosts import awaited, fleet, variant
from sagemaker_requests import BUCKET, configure, named, put, settled
from waiting import eventually

from recsys.local.sagemaker.asynchronous.queues import Queue
from recsys.local.sagemaker.asynchronous.request import Desk
from recsys.local.sagemaker.jobs.job import Context
from recsys.local.sagemaker.measures import Measures

Make = Callable[..., Any]


def configured(sagemaker: Any, model: str, **output: Any) -> str:
    """An endpoint configuration's name."""
    name = named("asynchronous")
    places = {"S3OutputPath": f"s3://{BUCKET}/answers", "S3FailurePath": f"s3://{BUCKET}/failures", **output}
    queue = {"OutputConfig": places, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}}
    configure(sagemaker, name, model, AsyncInferenceConfig=queue)
    return name


@pytest.fixture(scope="module")
def queue(client: Make) -> dict[str, str]:
    """A topic whose messages lie in an SQS queue: the ARN of the one, the URL of the other."""
    sqs, sns = client("sqs"), client("sns")
    url = sqs.create_queue(QueueName="told-of-answers")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="answers")["TopicArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return {"topic": topic, "url": url}


@pytest.fixture(scope="module")
def waiting(sagemaker: Any, role: str, model: str, queue: dict[str, str], client: Make) -> Iterator[str]:
    """The name of an asynchronous endpoint that tells the topic of every end."""
    allow = {"Effect": "Allow", "Action": "sns:Publish", "Resource": queue["topic"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    client("iam").put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="tell", PolicyDocument=policy)
    topics = {"SuccessTopic": queue["topic"], "ErrorTopic": queue["topic"]}
    name = configured(sagemaker, model, NotificationConfig=topics)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled(sagemaker, name)["AsyncInferenceConfig"]["OutputConfig"]["NotificationConfig"] == topics
    yield name
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def ask(client: Make, waiting: str) -> Make:
    """InvokeEndpointAsync with JSON."""
    runtime = client("sagemaker-runtime")
    return lambda **members: runtime.invoke_endpoint_async(
        EndpointName=waiting, **{"ContentType": "application/json", **members}
    )


def content(client: Make, uri: str) -> str | None:
    """The object, once it is there."""
    place = urlsplit(uri)
    try:
        return client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read().decode()
    except client("s3").exceptions.NoSuchKey:
        return None


def told(client: Make, queue: dict[str, str], identity: str) -> dict[str, Any]:
    """What the topic was told of a request."""

    def found() -> dict[str, Any] | None:
        got = client("sqs").receive_message(QueueUrl=queue["url"], MaxNumberOfMessages=10, VisibilityTimeout=1)
        messages = [json.loads(each["Body"]) for each in got.get("Messages", [])]
        return next((each for each in messages if each["inferenceId"] == identity), None)

    return eventually(found)


def test_the_answer_comes_to_lie_in_s3_and_the_topic_hears_of_it(
    client: Make, ask: Make, waiting: str, queue: dict[str, str]
) -> None:
    source = put(client, "questions/1.json", b'{"userId": "u1", "numResults": 3}')
    accepted = ask(InputLocation=source, InferenceId="first")
    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert accepted["InferenceId"] == "first" and accepted["OutputLocation"].startswith(f"s3://{BUCKET}/answers/")
    answer = json.loads(eventually(lambda: content(client, accepted["OutputLocation"])))
    assert answer["known"] and len(answer["recommendations"]) == 3
    message = told(client, queue, "first")
    assert (message["invocationStatus"], message["requestParameters"]["endpointName"]) == ("Completed", waiting)
    assert message["responseParameters"]["outputLocation"] == accepted["OutputLocation"]


def test_a_small_payload_comes_with_the_request_and_the_answer_lies_where_it_says(client: Make, ask: Make) -> None:
    accepted = ask(Body=b'{"userId": "u2"}', S3OutputPathExtension="today", Filename="u2.json")
    assert accepted["OutputLocation"] == f"s3://{BUCKET}/answers/today/u2.json"
    assert json.loads(eventually(lambda: content(client, accepted["OutputLocation"])))["known"]


def sessions(embedded: Any) -> int:
    """How many sessions of SageMaker's are saved, once what is there now is saved."""
    moment = time.time()
    eventually(
        lambda: (json.load(urlopen(f"{embedded.endpoint}/_recsys/health"))["autosave"]["saved_at"] or 0) > moment
    )
    with closing(sqlite3.connect(f"file:{embedded.state}/state.sqlite?mode=ro", uri=True)) as db:
        (saved,) = db.execute("SELECT value FROM state WHERE service = 'sts' AND store = 'sessions'").fetchone()
    return saved.count("/SagemakerSession")


def test_requests_share_a_session_of_their_role(client: Make, ask: Make, queue: dict[str, str], embedded: Any) -> None:
    source = put(client, "questions/shared.json", b'{"userId": "u1"}')
    told(client, queue, ask(InputLocation=source)["InferenceId"])
    before = sessions(embedded)
    for _ in range(3):
        told(client, queue, ask(InputLocation=source)["InferenceId"])
    assert sessions(embedded) == before > 0


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("questions/bad.json", b"{", "client error (400)"),
        ("questions/none.json", None, "Failed to download input data"),
    ],
)
def test_what_has_no_answer_leaves_its_reason(
    client: Make, ask: Make, queue: dict[str, str], key: str, body: bytes | None, reason: str
) -> None:
    source = put(client, key, body) if body else f"s3://{BUCKET}/{key}"
    accepted = ask(InputLocation=source)
    assert reason in eventually(lambda: content(client, accepted["FailureLocation"]))
    message = told(client, queue, accepted["InferenceId"])
    assert message["invocationStatus"] == "Failed" and reason in message["failureReason"]


def test_each_kind_of_endpoint_is_called_in_its_own_way(client: Make, waiting: str, endpoint: str) -> None:
    runtime = client("sagemaker-runtime")
    with pytest.raises(ClientError, match="call InvokeEndpointAsync"):
        runtime.invoke_endpoint(EndpointName=waiting, Body=b"{}")
    with pytest.raises(ClientError, match="call InvokeEndpoint"):
        runtime.invoke_endpoint_async(EndpointName=endpoint, InputLocation=f"s3://{BUCKET}/x")
    with pytest.raises(ClientError, match="not found"):
        runtime.invoke_endpoint_async(EndpointName="nobody", InputLocation=f"s3://{BUCKET}/x")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "Either InputLocation or a Body"),
        ({"Body": b"x" * 128_001}, "at most 128000 bytes"),
        ({"InputLocation": f"s3://{BUCKET}/x", "Filename": "a.b.c"}, "filename"),
    ],
)
def test_a_request_that_cannot_be_taken_is_refused(ask: Make, members: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError, match=reason) as caught:
        ask(**members)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def measured(client: Make, metric: str, **dimensions: str) -> dict[str, float] | None:
    """A metric's statistics."""
    found = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=time.time() - 3600,
        EndTime=time.time() + 60,
        Period=86400,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
    )["Datapoints"]
    return found[0] if found else None


def test_cloudwatch_hears_of_every_request_and_of_the_length_of_the_queue(client: Make, sent_to: Make) -> None:
    name = sent_to(
        {"InputLocation": put(client, "questions/good.json", b'{"userId": "u1"}')},
        {"InputLocation": put(client, "questions/bad.json", b"{")},
        {"InputLocation": f"s3://{BUCKET}/questions/none.json"},
        {"Body": b'{"userId": "u2"}'},
    )
    of_variant = partial(measured, client, EndpointName=name, VariantName="A")
    eventually(lambda: (of_variant("InvocationsProcessed") or {}).get("Sum") == 4)
    sums = ("InvocationFailures", "RequestDownloadFailures", "Invocation4XXErrors", "Invocation5XXErrors")
    assert [of_variant(metric)["Sum"] for metric in sums] == [2, 1, 1, 0]
    counts = ("TimeInBacklog", "TotalProcessingTime", "ModelLatency", "RequestDownloadLatency", "ResponseUploadLatency")
    assert [of_variant(metric)["SampleCount"] for metric in counts] == [4, 4, 3, 2, 2]
    backlog, total = of_variant("TimeInBacklog"), of_variant("TotalProcessingTime")
    assert 0 < backlog["Sum"] / 1e6 < total["Sum"] / 1e3  # microseconds, milliseconds
    for metric in ("Invocations", "ResponseUploadFailures", "NotificationFailures", "ExpiredRequests"):
        assert of_variant(metric) is None

    of_queue = partial(measured, client, EndpointName=name)
    length, each = of_queue("ApproximateBacklogSize"), of_queue("ApproximateBacklogSizePerInstance")
    assert (length["Minimum"], 1 <= length["Maximum"] <= 4) == (0, True)
    assert each["Maximum"] == length["Maximum"]  # of one instance
    assert of_queue("ApproximateAgeOfOldestRequest")["Maximum"] > 0
    assert of_queue("HasBacklogWithoutCapacity")["Maximum"] == 0


@pytest.fixture
def sent_to(sagemaker: Any, model: str, client: Make) -> Iterator[Make]:
    """Send requests to an asynchronous endpoint of its own; its name."""
    name, runtime = configured(sagemaker, model), client("sagemaker-runtime")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)

    def sent(*requests: dict[str, Any]) -> str:
        for each in requests:
            runtime.invoke_endpoint_async(EndpointName=name, ContentType="application/json", **each)
        return name

    yield sent
    sagemaker.delete_endpoint(EndpointName=name)


@awaited
async def test_an_instance_more_takes_what_waits(tmp_path: Path, embedded: Any, client: Make, bucket: str) -> None:
    context = Context(None, None, tmp_path, None, None, {"endpoint": embedded.endpoint, "region": "us-east-1"})
    async with fleet(tmp_path, variant(tmp_path)) as served:
        output = {"S3OutputPath": f"s3://{bucket}/scaled"}
        queue = Queue(Desk(context, tmp_path / "waiting", served, output, None), 1, Measures())
        await queue.accept({}, b"sleep 600")
        waits = await queue.accept({}, b"now")
        await served.reweigh({"AllTraffic": (1.0, 2)})
        queue.go_on()
        assert await asyncio.to_thread(eventually, lambda: content(client, waits["OutputLocation"])) == "a"
        await queue.close()
        assert len(list((tmp_path / "waiting").glob("*.json"))) == 1


def test_a_configuration_says_where_answers_go(sagemaker: Any, model: str) -> None:
    with pytest.raises(ClientError, match="S3OutputPath"):
        configured(sagemaker, model, S3OutputPath="")
