"""A role may do what its policies say, whoever uses it: itself, or a service of AWS in its name."""

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import personalize_shop as shops
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from waiting import eventually

from recsys.local import launcher

Client = Callable[[str], Any]
ARN = "arn:aws:{}:us-east-1:000000000000:{}"
SERVICES = ("lambda", "states", "events", "personalize")
HANDLER = "def handler(event, context):\n    print('a line')\n    return {}\n"


class Role:
    """A role of this test, and what it asks for."""

    def __init__(self, client: Client, name: str) -> None:
        self.iam, self.name = client("iam"), name
        principal = {"Service": [f"{service}.amazonaws.com" for service in SERVICES]}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        keys = client("sts").assume_role(RoleArn=self.arn, RoleSessionName="test")["Credentials"]
        self.session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")

    def may(self, *granted: tuple[str, str], **condition: Any) -> None:
        """From now on it may do these actions on these resources, and no others."""
        statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in granted]
        statements = [{**statement, **condition} for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_role_policy(RoleName=self.name, PolicyName="granted", PolicyDocument=document)

    def ask(self, service: str, call: str, **request: Any) -> Any:
        return getattr(self.session.client(service), call)(**request)

    def refused(self, service: str, call: str, **request: Any) -> tuple[str, str]:
        """Code and message of AWS's refusal."""
        with pytest.raises(ClientError) as refusal:
            self.ask(service, call, **request)
        error = refusal.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture
def role(client: Client) -> Iterator[Role]:
    made = Role(client, shops.unique("permitted"))
    yield made
    for policy in made.iam.list_role_policies(RoleName=made.name)["PolicyNames"]:
        made.iam.delete_role_policy(RoleName=made.name, PolicyName=policy)
    made.iam.delete_role(RoleName=made.name)


def sentence(role: Role, action: str, resource: str) -> str:
    who = f"arn:aws:sts::000000000000:assumed-role/{role.name}/test"
    reason = f"because no identity-based policy allows the {action} action"
    return f"User: {who} is not authorized to perform: {action} on resource: {resource} {reason}"


CAMPAIGN, FILTER = ARN.format("personalize", "campaign/c"), ARN.format("personalize", "filter/f")
TABLE, QUEUE = ARN.format("dynamodb", "table/none"), ARN.format("sqs", "none")
PUT = {"trackingId": "t", "sessionId": "s", "eventList": [{"eventType": "view", "sentAt": 1}]}
UPDATE = [{"Statement": "UPDATE \"none\" SET x = 1 WHERE k = 'FROM a'"}]
ADDRESS = "http://localhost:4566/000000000000/none"
REFUSALS = {
    "dynamodb": ("get_item", {"TableName": "none", "Key": {}}, "dynamodb:GetItem", TABLE, "AccessDeniedException"),
    "dynamodb, PartiQL": (
        *("batch_execute_statement", {"Statements": UPDATE}),
        *("dynamodb:PartiQLUpdate", TABLE, "AccessDeniedException"),
    ),
    "s3": ("list_objects_v2", {"Bucket": "none"}, "s3:ListBucket", '"arn:aws:s3:::none"', "AccessDenied"),
    "sqs": (
        *("send_message_batch", {"QueueUrl": ADDRESS, "Entries": [{"Id": "1", "MessageBody": "m"}]}),
        *("sqs:SendMessage", QUEUE, "AccessDenied"),
    ),
    "sns": ("list_topics", {}, "sns:ListTopics", "*", "AuthorizationError"),
    "personalize": ("list_campaigns", {}, "personalize:ListCampaigns", "*", "AccessDeniedException"),
    "personalize-runtime": (
        *("get_recommendations", {"campaignArn": CAMPAIGN, "userId": "u"}),
        *("personalize:GetRecommendations", CAMPAIGN, "AccessDeniedException"),
    ),
    "personalize-events": ("put_events", PUT, "personalize:PutEvents", "*", "AccessDeniedException"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_no_policy_allows_is_refused_in_the_words_of_aws(role: Role, case: str) -> None:
    call, request, action, resource, code = REFUSALS[case]
    assert role.refused(case.split(",")[0], call, **request) == (code, sentence(role, action, resource))
    role.may((action, resource.strip('"')))
    try:
        role.ask(case.split(",")[0], call, **request)
    except ClientError as error:
        assert "not authorized" not in str(error)


EVERYWHERE = [
    ("dynamodb", "list_tables"),
    ("s3", "list_buckets"),
    ("sts", "get_caller_identity"),
    ("personalize", "list_schemas"),
    ("sagemaker", "list_models"),
    ("xray", "batch_get_traces"),
]
REQUESTS = {"batch_get_traces": {"TraceIds": []}}


@pytest.mark.parametrize(("service", "call"), EVERYWHERE)
def test_a_roles_key_that_nobody_was_given_is_refused(role: Role, service: str, call: str) -> None:
    role.session = boto3.Session("ASIAFFFFFFFFFFFFFFFF", "x", "y", "us-east-1")
    code, _ = role.refused(service, call, **REQUESTS.get(call, {}))
    assert code in ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId")


def test_an_expired_session_is_refused(role: Role) -> None:
    role.may(("*", "*"))
    usual = role.session
    asks = {"RoleArn": role.arn, "RoleSessionName": "short", "DurationSeconds": 1}  # boto3 would ask for 900
    keys = boto3.client("sts", config=Config(parameter_validation=False)).assume_role(**asks)["Credentials"]
    role.session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")
    time.sleep(1)
    codes = {role.refused(service, call, **REQUESTS.get(call, {}))[0] for service, call in EVERYWHERE}
    assert codes == {"ExpiredTokenException", "ExpiredToken"}
    role.session = usual  # its older one has most of an hour left
    assert "TableNames" in role.ask("dynamodb", "list_tables")


def test_who_a_role_is_nobody_forbids(role: Role) -> None:
    assert role.ask("sts", "get_caller_identity")["Arn"].endswith(f"assumed-role/{role.name}/test")


def test_a_filter_is_checked_beside_the_campaign_it_is_asked_with(role: Role) -> None:
    role.may(("personalize:GetRecommendations", CAMPAIGN))
    request = {"campaignArn": CAMPAIGN, "userId": "u", "filterArn": FILTER}
    assert role.refused("personalize-runtime", "get_recommendations", **request)[1] == sentence(
        role, "personalize:GetRecommendations", FILTER
    )


def test_a_role_handed_on_must_be_allowed_to_be_and_to_whom(role: Role) -> None:
    group = {"name": shops.unique("handed"), "roleArn": role.arn, "kmsKeyArn": ARN.format("kms", "key/k")}
    made = ARN.format("personalize", f"dataset-group/{group['name']}")
    create = ("personalize:CreateDatasetGroup", made)
    role.may(create)
    assert role.refused("personalize", "create_dataset_group", **group)[1] == sentence(role, "iam:PassRole", role.arn)
    for service in ("lambda", "personalize"):
        condition = {"StringEqualsIfExists": {"iam:PassedToService": f"{service}.amazonaws.com"}}
        role.may(create, ("iam:PassRole", role.arn), Condition=condition)
        if service == "lambda":
            assert "iam:PassRole" in role.refused("personalize", "create_dataset_group", **group)[1]
    role.ask("personalize", "create_dataset_group", **group)
    personalize = boto3.client("personalize")
    shops.settled(personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=made)
    personalize.delete_dataset_group(datasetGroupArn=made)


def test_a_missing_object_is_forbidden_to_who_may_not_list_the_bucket(client: Client, role: Role) -> None:
    bucket = shops.unique("missing-objects")
    client("s3").create_bucket(Bucket=bucket)
    read, ask = ("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), {"Bucket": bucket, "Key": "missing"}
    role.may(read)
    assert role.refused("s3", "get_object", **ask) == ("AccessDenied", "Access Denied")
    role.may(read, ("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    assert role.refused("s3", "get_object", **ask)[0] == "NoSuchKey"
    client("s3").delete_bucket(Bucket=bucket)


@pytest.fixture
def function(client: Client, role: Role) -> Iterator[str]:
    """A function with the role that writes a line."""
    code, name = io.BytesIO(), shops.unique("permitted")
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("code.py", HANDLER)
    settings = {"Runtime": "python3.12", "Handler": "code.handler", "Role": role.arn}
    client("lambda").create_function(FunctionName=name, Code={"ZipFile": code.getvalue()}, **settings)
    yield name
    client("lambda").delete_function(FunctionName=name)


def test_a_function_logs_as_far_as_its_role_may(client: Client, role: Role, function: str) -> None:
    group = f"/aws/lambda/{function}"
    client("lambda").invoke(FunctionName=function)
    assert client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    role.may(("logs:*", ARN.format("logs", f"log-group:{group}*")))
    client("lambda").invoke(FunctionName=function)
    events = client("logs").filter_log_events(logGroupName=group)["events"]
    assert "a line" in [event["message"] for event in events]
    client("logs").delete_log_group(logGroupName=group)


def test_a_function_whose_role_may_not_read_a_stream_is_not_mapped_to_it(
    client: Client, role: Role, function: str
) -> None:
    stream = shops.unique("unread")
    client("kinesis").create_stream(StreamName=stream, ShardCount=1)
    arn = client("kinesis").describe_stream(StreamName=stream)["StreamDescription"]["StreamARN"]
    request = {"EventSourceArn": arn, "FunctionName": function, "StartingPosition": "LATEST"}
    with pytest.raises(ClientError, match=f"Cannot access stream {arn}. Please ensure the role can perform") as refusal:
        client("lambda").create_event_source_mapping(**request)
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    role.may(("kinesis:*", arn))
    mapping = client("lambda").create_event_source_mapping(**request)["UUID"]
    client("lambda").delete_event_source_mapping(UUID=mapping)
    client("kinesis").delete_stream(StreamName=stream)


TASKS = {
    "lambda": ("arn:aws:states:::lambda:invoke", {"FunctionName": "none"}, "lambda:InvokeFunction"),
    "sns": ("arn:aws:states:::sns:publish", {"TopicArn": ARN.format("sns", "none"), "Message": "m"}, "sns:Publish"),
    "ssm": ("arn:aws:states:::aws-sdk:ssm:getParameter", {"Name": "/none"}, "ssm:GetParameter"),
    "s3": ("arn:aws:states:::aws-sdk:s3:listObjectsV2", {"Bucket": "none", "Prefix": "p/"}, "s3:ListBucket"),
    "sfn": ("arn:aws:states:::aws-sdk:sfn:listExecutions", {"StateMachineArn": "none"}, "states:ListExecutions"),
    "personalize": ("arn:aws:states:::aws-sdk:personalize:listCampaigns", {}, "personalize:ListCampaigns"),
}


@pytest.mark.parametrize("service", TASKS)
def test_a_task_runs_as_the_role_of_its_state_machine(client: Client, role: Role, service: str) -> None:
    resource, given, action = TASKS[service]
    states, task = client("stepfunctions"), {"Type": "Task", "Resource": resource, "Parameters": given, "End": True}
    definition = json.dumps({"StartAt": "Task", "States": {"Task": task}})
    machine = states.create_state_machine(name=shops.unique("machine"), definition=definition, roleArn=role.arn)

    def ended() -> dict[str, Any]:
        execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        return eventually(
            lambda: found if (found := states.describe_execution(executionArn=execution))["status"] != "RUNNING" else {}
        )

    denied = ended()
    assert denied["status"] == "FAILED"
    assert f"is not authorized to perform: {action}" in denied["cause"]
    role.may((action, "*"))
    assert "not authorized" not in ended().get("cause", "")
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])


def test_a_rule_starts_a_state_machine_with_its_targets_role(client: Client, role: Role) -> None:
    states, events, name = client("stepfunctions"), client("events"), shops.unique("ruled")
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role.arn)["stateMachineArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "machine", "Arn": machine, "RoleArn": role.arn}])
    entry = [{"Source": name, "DetailType": "d", "Detail": "{}"}]
    events.put_events(Entries=entry)
    eventually(lambda: denied_to(role, "states:StartExecution"))
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
    role.may(("states:StartExecution", machine))
    events.put_events(Entries=entry)
    eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    events.remove_targets(Rule=name, Ids=["machine"])
    events.delete_rule(Name=name)
    states.delete_state_machine(stateMachineArn=machine)


def denied_to(role: Role, action: str) -> bool:
    return any(call["action"] == action and not call["allowed"] for call in calls(role))


def calls(role: Role) -> list[dict[str, Any]]:
    """What the embedded AWS kept of a role's calls."""
    with urllib.request.urlopen(f"{boto3.client('iam').meta.endpoint_url}/_recsys/calls") as answer:
        return [call for call in json.load(answer) if call["role"] == role.name]


def test_a_job_of_personalize_reads_s3_as_its_role(client: Client, role: Role) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Items", shops.ITEMS)
    address = shops.put_csv(shop, "items.csv", shops.item_table())
    failed = shops.import_csv(shop, "Items", address, roleArn=role.arn)
    assert "Insufficient privileges for accessing data in Amazon S3." in failed["failureReason"]
    assert f"assumed-role/{role.name}/" in failed["failureReason"]
    bucket = f"arn:aws:s3:::{shop.bucket}"
    role.may(("s3:ListBucket", bucket), ("s3:GetObject", f"{bucket}/*"))
    assert shops.import_csv(shop, "Items", address, roleArn=role.arn)["status"] == "ACTIVE"


@pytest.mark.parametrize("case", ["no policy", "only the list", "another service", "another account", "denied"])
def test_a_job_of_personalize_needs_the_buckets_consent(client: Client, role: Role, case: str) -> None:
    """The role may all; the bucket's policy admits less."""
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Items", shops.ITEMS)
    address = shops.put_csv(shop, "items.csv", shops.item_table())
    role.may(("s3:*", "*"))
    client("s3").delete_bucket_policy(Bucket=shop.bucket)
    more = {
        "no policy": None,
        "only the list": {"Action": "s3:ListBucket"},
        "another service": {"Principal": {"Service": "sagemaker.amazonaws.com"}},
        "another account": {"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}},
        "denied": {"Effect": "Deny"},
    }[case]
    if more:
        shops.consent(client, shop.bucket, **more)
    failed = shops.import_csv(shop, "Items", address, roleArn=role.arn)
    no = "an explicit deny in a resource" if case == "denied" else "because no resource-based policy allows the"
    assert "Insufficient privileges" in failed["failureReason"] and no in failed["failureReason"], failed


def test_what_was_asked_for_can_be_listed(embedded: Any, role: Role) -> None:
    begun = time.time()
    role.refused("sns", "list_topics")
    role.may(("sns:ListTopics", "*"))
    for _ in range(2):
        role.ask("sns", "list_topics")
    denied, allowed = calls(role)
    assert (denied["allowed"], denied["count"], allowed["allowed"], allowed["count"]) == (False, 1, True, 2)
    assert allowed["last"] >= begun
    assert denied in launcher.calls(embedded.state)
