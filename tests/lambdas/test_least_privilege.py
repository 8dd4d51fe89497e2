"""Each role's policy allows what the role asks for, on what it asks for it, and nothing besides.

The environment of this folder does all it can do, the deployed functions as the parts of AWS that act with its roles;
the embedded AWS checks and keeps every call of a role. A role that a template gains fails here until `everything`
below, or a test named in ELSEWHERE, has it do its work.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import privileges
import pytest
from api_calls import raw
from botocore.exceptions import ClientError
from function_settings import NOWHERE, settings
from policies import policies
from privileges import Call, Client
from waiting import eventually

from recsys import deploy, stream
from recsys.deploy.template import PARTS, content
from recsys.lambdas.batch_processor import handler

STACK, TAGS = "recsys-lambdas", {"project": "recsys"}
CAMPAIGN = "arn:aws:personalize:us-east-1:000000000000:campaign/"
# Roles that do their work in another test, which holds the same of them.
ELSEWHERE = dict.fromkeys(("RetrainingRole", "ScheduleRole"), "tests/deploy/test_scheduled_retraining.py")
ELSEWHERE["SageMakerRole"] = "tests/lambdas/test_batch_to_endpoint.py"


@pytest.fixture(scope="module")
def roles(system: Any, client: Client) -> Iterator[dict[str, str]]:
    """The environment's roles while an experiment runs on two routes: logical name -> name."""
    two = {"a": f"{CAMPAIGN}one", "b": f"{CAMPAIGN}another"}
    trials = [deploy.variant_parameters("privileges", two, route=route) for route in ("recommendations", "rankings")]
    deploy.deploy(STACK, deploy.running_experiments(*trials), TAGS)
    yield privileges.roles(client, STACK)
    deploy.deploy(STACK, deploy.running_experiments(), TAGS)


@pytest.fixture(scope="module")
def everything(embedded: Any, system: Any, url: str, client: Client, roles: dict[str, str]) -> list[Call]:
    """The calls of roles, once the environment did all it can do."""
    personalize_writes(system, client)
    events_come(system, client)
    the_api_answers(system, client, url)
    the_batch_runs(system, client, roles["BatchProcessorRole"])
    return privileges.made_calls(embedded.endpoint)


def personalize_writes(system: Any, client: Client) -> None:
    for dataset in ("ITEMS", "INTERACTIONS"):
        export(system, client("personalize"), dataset)


def export(system: Any, personalize: Any, dataset: str) -> None:
    job = personalize.create_dataset_export_job(
        jobName=f"privileges-{time.time_ns()}",
        datasetArn=f"arn:aws:personalize:us-east-1:000000000000:dataset/shop-lambdas/{dataset}",
        roleArn=system.RoleArn,
        jobOutput={"s3DataDestination": {"path": f"s3://{system.BucketName}/output/"}},
    )
    named = {"datasetExportJobArn": job["datasetExportJobArn"]}
    ended = eventually(lambda: ended_job(personalize.describe_dataset_export_job(**named)["datasetExportJob"]))
    assert ended["status"] == "ACTIVE", ended


def ended_job(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["status"] in ("ACTIVE", "CREATE FAILED") else None


def events_come(system: Any, client: Client) -> None:
    """Good ones, one that holds no event, and one with which the function cannot start until the mapping gives up."""
    stream.send(system.StreamName, [stream.event("privileged", "item-1", "view")])
    client("kinesis").put_record(StreamName=system.StreamName, Data=b"no event", PartitionKey="privileged")
    eventually(lambda: rejected(system, client, "reason"))
    stream.await_events(system.TableName, {"privileged": 1})
    stream.send(system.StreamName, [stream.event("privileged", "item-2", "view")])
    stream.await_events(system.TableName, {"privileged": 2})
    with settings(client, system.StreamProcessorFunctionName, PROFILE_DAYS="none"):
        stream.send(system.StreamName, [stream.event("given-up", "item-1", "view")])
        eventually(lambda: rejected(system, client, "KinesisBatchInfo"))


def rejected(system: Any, client: Client, member: str) -> bool:
    """Whether a message of this kind is in the failure queue, which is emptied."""
    found = client("sqs").receive_message(QueueUrl=system.QueueUrl, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        client("sqs").delete_message(QueueUrl=system.QueueUrl, ReceiptHandle=message["ReceiptHandle"])
    return any(member in json.loads(message["Body"]) for message in found)


def the_api_answers(system: Any, client: Client, url: str) -> None:
    users = [f"user-{number}" for number in range(10)]  # of both variants
    event = {"userId": "user-1", "itemId": "item-1", "eventType": "view"}
    paths = [f"recommendations/{user}" for user in users]
    filtered = [f"recommendations/user-1?{query}" for query in ("category=even", "minPrice=1&maxPrice=20")]
    for path in (*paths, *filtered, "similar-items/item-1", "health"):
        assert raw(f"{url}/{path}")[0] == 200
    for user in users:
        ask = {"userId": user, "itemIds": ["item-1", "item-2"]}
        assert raw(f"{url}/rankings", "POST", json.dumps(ask).encode())[0] == 200
    assert raw(f"{url}/events", "POST", json.dumps(event).encode())[0] == 202
    with settings(client, system.RecommendationApiFunctionName, AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=NOWHERE):
        assert raw(f"{url}/recommendations/unheard-of")[2]["source"] == "popular"


def the_batch_runs(system: Any, client: Client, role: str) -> None:
    """A run; then one whose time is over while it writes its results, so that its successor does."""
    name = system.BatchProcessorFunctionName
    answer = client("lambda").invoke(FunctionName=name, Payload='{"date": "2001-01-01"}')
    assert "FunctionError" not in answer, answer["Payload"].read()
    function = client("lambda").get_function_configuration(FunctionName=name)
    session = assumed(client, role)
    context = Context(function["FunctionArn"])
    session.events.register("before-call.s3.CreateMultipartUpload", context.end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", session)
        for variable, value in function["Environment"]["Variables"].items():
            patch.setenv(variable, value)
        assert not handler.handler({"date": "2001-01-02"}, context)["finished"]
    eventually(lambda: exists(client("s3"), system.BucketName, "batch-results/2001-01-02/results.json"))
    assert status_of_a_version(client, role) == "ACTIVE"


def status_of_a_version(client: Client, role: str) -> str:
    """What a role is told of a version of another solution than the campaign's."""
    campaign = client("personalize").describe_campaign(campaignArn=f"{CAMPAIGN}similar-lambdas")["campaign"]
    version = {"solutionVersionArn": campaign["solutionVersionArn"]}
    return assumed(client, role).client("personalize").describe_solution_version(**version)["solutionVersion"]["status"]


def assumed(client: Client, role: str) -> boto3.Session:
    arn = client("iam").get_role(RoleName=role)["Role"]["Arn"]
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="batch")["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")


class Context:
    """Lambda's context, until its time is ended."""

    aws_request_id = "least-privilege"

    def __init__(self, arn: str) -> None:
        self.left, self.invoked_function_arn = 900_000, arn

    def end(self, **_: Any) -> None:
        self.left = 0

    def get_remaining_time_in_millis(self) -> int:
        return self.left


def exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
        return True
    except ClientError:
        return False


def test_every_role_of_every_template_has_work_to_do(everything: list[Call], roles: dict[str, str]) -> None:
    templates = [content(path)["Resources"] for path in (None, *PARTS.values())]
    named = {name for each in templates for name, body in each.items() if body["Type"] == "AWS::IAM::Role"}
    working = {call["role"] for call in everything}
    assert {logical for logical, name in roles.items() if name in working} | ELSEWHERE.keys() == named


def test_no_role_is_refused_anything(everything: list[Call], roles: dict[str, str]) -> None:
    assert [call for call in everything if call["role"] in roles.values() and not call["allowed"]] == []


def test_without_any_one_of_its_grants_a_role_is_refused_a_call_it_makes(
    client: Client, everything: list[Call], roles: dict[str, str]
) -> None:
    assert privileges.idle(client, proven_here(roles), everything) == []


def proven_here(roles: dict[str, str]) -> dict[str, str]:
    return {logical: name for logical, name in roles.items() if logical not in ELSEWHERE}


def test_each_role_may_do_what_is_written_down_and_no_more(system: Any, client: Client, roles: dict[str, str]) -> None:
    campaigns = {"campaign": "main-lambdas", "similar": "similar-lambdas", "ranking": "ranking-lambdas"}
    places = {"bucket": system.BucketName, "suffix": "lambdas", "one": "one", "another": "another", **campaigns}
    here = proven_here(roles)
    assert privileges.granted(client, here) == policies(*here, **places)


def test_no_role_may_reach_a_wider_place_than_its_calls_do(
    client: Client, everything: list[Call], roles: dict[str, str]
) -> None:
    assert privileges.wide(client, proven_here(roles), everything) == []


def test_a_grant_of_the_folder_above_would_be_seen(
    client: Client, everything: list[Call], roles: dict[str, str]
) -> None:
    for logical, given in privileges.granted(client, proven_here(roles)).items():
        made = [call for call in everything if call["role"] == roles[logical]]
        for pattern in {resource for _, resource in given if ":log-group:" in resource or "/" in resource}:
            if not pattern.startswith(("arn:aws:s3:", "arn:aws:logs:")):
                continue
            above = f"{pattern.removesuffix('*').rstrip('/:').rpartition('/')[0]}/*"
            widened = {(action, above if resource == pattern else resource) for action, resource in given}
            assert privileges.is_wide(above, privileges.reached(above, widened, made)), (logical, above)


@contextmanager
def without(client: Client, role: str, action: str) -> Iterator[None]:
    """A role without the statement that allows an action."""
    iam = client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    rest = [statement for statement in whole["Statement"] if action not in privileges.listed(statement["Action"])]
    assert len(rest) == len(whole["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps({**whole, "Statement": rest}))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))


def test_a_function_whose_statement_is_taken_away_fails_with_access_denied(
    system: Any, client: Client, everything: list[Call], roles: dict[str, str]
) -> None:
    with without(client, roles["BatchProcessorRole"], "dynamodb:Scan"):
        request = {"FunctionName": system.BatchProcessorFunctionName, "Payload": json.dumps({"date": "2099-01-01"})}
        answer = json.loads(client("lambda").invoke(**request)["Payload"].read())
    assert "AccessDeniedException" in answer["errorMessage"]
    assert "is not authorized to perform: dynamodb:Scan on resource" in answer["errorMessage"]


def test_a_mapping_that_may_not_read_its_stream_says_so_and_goes_on_once_it_may(
    system: Any, client: Client, everything: list[Call], roles: dict[str, str]
) -> None:
    (mapping,) = client("lambda").list_event_source_mappings(FunctionName=system.StreamProcessorFunctionName)[
        "EventSourceMappings"
    ]

    def told() -> str:
        return client("lambda").get_event_source_mapping(UUID=mapping["UUID"])["LastProcessingResult"]

    with without(client, roles["StreamProcessorRole"], "kinesis:GetRecords"):
        stream.send(system.StreamName, [stream.event("waiting", "item-1", "view")])
        eventually(lambda: told().startswith("PROBLEM: Access denied"))
        assert stream.profile(system.TableName, "waiting") == {}
    stream.await_events(system.TableName, {"waiting": 1})
