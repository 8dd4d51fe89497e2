"""What no stack and no dataset group knows of is found by its tags, and goes too."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recsys import aws
from recsys.deploy import cleanup, stack
from recsys.deploy.cleanup import services, strays

Client = Callable[[str], Any]
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
ROLE = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::some/*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})
KEPT = {
    "Log": {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain", "Properties": {"LogGroupName": "recsys-kept"}},
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "recsys-not-kept"}},
}


class Tags:
    """The tags of one stage, as each service wants them."""

    def __init__(self, stage: str) -> None:
        self.map = {"project": "recsys", "stage": stage}
        self.upper, self.lower = aws.tags(self.map, lower=False), aws.tags(self.map)


@pytest.fixture
def tags(environment: Any) -> Iterator[Tags]:
    yield Tags(environment.suffix)
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix) == []


def find(environment: Any) -> list[str]:
    return cleanup.find(environment.group, environment.stack, environment.suffix)


def destroy(environment: Any) -> list[str]:
    said: list[str] = []
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix, report=said.append) == []
    return [line.removesuffix(": deleted") for line in said if line.endswith(": deleted")]


def scatter(client: Client, tags: Tags, name: str) -> list[tuple[str, str]]:
    """One of each kind, as hands or failed creations leave them; in the order in which they have to go."""
    arn = client("sns").create_topic(Name=name, Tags=tags.upper)["TopicArn"]
    client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)", Tags=tags.upper)
    client("events").put_targets(Rule=name, Targets=[{"Id": "topic", "Arn": arn}])
    client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=ROLE, Tags=tags.upper)
    client("iam").put_role_policy(RoleName=name, PolicyName="reads", PolicyDocument=POLICY)
    client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}", tags=tags.map)
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=tags.upper,
    )
    client("kinesis").create_stream(StreamName=name, ShardCount=1)
    client("kinesis").add_tags_to_stream(StreamName=name, Tags=tags.map)
    queue = client("sqs").create_queue(QueueName=name, tags=tags.map)["QueueUrl"]
    parameter = f"/{name}/names"
    client("ssm").put_parameter(Name=parameter, Type="String", Value="v", Tags=tags.upper)
    client("s3").create_bucket(Bucket=name)
    client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags.upper})
    client("s3").put_object(Bucket=name, Key="k", Body=b"v")
    alarm = {"MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    comparison = {"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    client("cloudwatch").put_metric_alarm(AlarmName=name, **alarm, **comparison, Tags=tags.upper)
    return [
        ("AWS::Events::Rule", name),
        ("AWS::CloudWatch::Alarm", name),
        ("AWS::Kinesis::Stream", name),
        ("AWS::DynamoDB::Table", name),
        ("AWS::SQS::Queue", queue),
        ("AWS::SNS::Topic", arn),
        ("AWS::SSM::Parameter", parameter),
        ("AWS::Logs::LogGroup", f"/aws/lambda/{name}"),
        ("AWS::IAM::Role", name),
        ("AWS::S3::Bucket", name),
    ]


def test_what_was_left_behind_is_found_and_goes_in_an_order_that_works(
    environment: Any, tags: Tags, client: Client
) -> None:
    left = scatter(client, tags, f"recsys-stray-{environment.suffix}")
    named = [" ".join(resource) for resource in left]
    bucket = f"1 objects and versions in s3://{left[-1][1]}"
    assert find(environment) == [bucket, *(f"{line}, by its tags" for line in named)]
    assert destroy(environment) == named
    assert not [resource for resource in left if services.exists(*resource)]


def test_a_bucket_that_is_written_to_once_it_is_emptied_is_emptied_again(
    environment: Any, tags: Tags, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, empty = f"recsys-late-{environment.suffix}", services.FIRST["AWS::S3::Bucket"]
    late = iter([True])

    def emptied(bucket: str) -> None:
        empty(bucket)
        if next(late, False):
            client("s3").put_object(Bucket=bucket, Key="AWSLogs/late", Body=b"v")

    client("s3").create_bucket(Bucket=name)
    client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags.upper})
    monkeypatch.setitem(services.FIRST, "AWS::S3::Bucket", emptied)
    assert destroy(environment) == [f"AWS::S3::Bucket {name}"]


def test_an_api_whose_usage_plan_holds_on_to_it_goes_too(environment: Any, tags: Tags, client: Client) -> None:
    gateway = client("apigateway")
    api = gateway.create_rest_api(name="stray", tags=tags.map)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    gateway.create_deployment(restApiId=api, stageName="s")
    plan = gateway.create_usage_plan(name="stray", apiStages=[{"apiId": api, "stage": "s"}], tags=tags.map)["id"]
    assert destroy(environment) == [f"AWS::ApiGateway::UsagePlan {plan}", f"AWS::ApiGateway::RestApi {api}"]


def test_another_stages_things_and_untagged_ones_stay(environment: Any, tags: Tags, client: Client) -> None:
    kept = [f"kept-other-{environment.suffix}", f"kept-untagged-{environment.suffix}"]
    client("sqs").create_queue(QueueName=kept[0], tags={**tags.map, "stage": "elsewhere"})
    client("sqs").create_queue(QueueName=kept[1])
    assert (find(environment), destroy(environment)) == ([], [])
    urls = [client("sqs").get_queue_url(QueueName=name)["QueueUrl"] for name in kept]
    for url in urls:
        client("sqs").delete_queue(QueueUrl=url)


@pytest.mark.parametrize(
    "elsewhere",
    [{"region": "eu-west-1"}, {strays.OF_STACK: "arn:aws:cloudformation:eu-west-1:000000000000:stack/recsys-dev/1"}],
)
def test_the_roles_of_the_same_stage_in_another_region_stay(
    environment: Any, tags: Tags, client: Client, elsewhere: dict[str, str]
) -> None:
    kept, mine = f"recsys-{environment.suffix}-there", f"recsys-{environment.suffix}-here"
    for name, region in ((kept, elsewhere), (mine, {"region": "us-east-1"})):
        own = aws.tags({**tags.map, **region}, lower=False)
        client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=ROLE, Tags=own)
    assert destroy(environment) == [f"AWS::IAM::Role {mine}"]
    client("iam").delete_role(RoleName=kept)


def test_what_a_stack_kept_on_its_deletion_goes_after_it(environment: Any, tags: Tags, client: Client) -> None:
    body = json.dumps({"Resources": KEPT})
    client("cloudformation").create_stack(StackName="recsys-stray-stack", TemplateBody=body, Tags=tags.upper)
    aws.wait("stack", lambda: {"status": stack.describe("recsys-stray-stack")["StackStatus"]}, until="CREATE_COMPLETE")
    lines = find(environment)
    assert [line.split()[0] for line in lines[:2]] == ["AWS::Logs::LogGroup", "AWS::SNS::Topic"]
    assert ":stack/recsys-stray-stack/" in lines[2]
    assert destroy(environment) == ["AWS::Logs::LogGroup recsys-kept"]


def test_a_solution_in_another_group_goes_and_the_group_stays(environment: Any, tags: Tags, client: Client) -> None:
    personalize = client("personalize")
    group = personalize.create_dataset_group(name=f"other-{environment.suffix}")["datasetGroupArn"]
    aws.wait("group", lambda: personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    recipe = "arn:aws:personalize:::recipe/aws-sims"
    request = {"datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": False}
    mine = personalize.create_solution(name=f"mine-{environment.suffix}", tags=tags.lower, **request)["solutionArn"]
    other = personalize.create_solution(name=f"other-{environment.suffix}", **request)["solutionArn"]
    assert find(environment) == [mine]
    assert destroy(environment) == [mine]
    assert personalize.describe_solution(solutionArn=other)["solution"]["solutionArn"] == other
    assert cleanup.destroy(f"other-{environment.suffix}", environment.stack) == []


def test_a_group_under_another_name_goes_with_all_under_it(environment: Any, tags: Tags, client: Client) -> None:
    name = f"renamed-{environment.suffix}"
    group = client("personalize").create_dataset_group(name=name, tags=tags.lower)["datasetGroupArn"]
    aws.wait("group", lambda: client("personalize").describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    tracker = client("personalize").create_event_tracker(name=name, datasetGroupArn=group)["eventTrackerArn"]
    assert find(environment) == [tracker, group]
    assert destroy(environment) == [tracker, group]


def test_what_it_cannot_delete_is_named(environment: Any, tags: Tags, client: Client) -> None:
    key = client("kms").create_key(Tags=[{"TagKey": k, "TagValue": v} for k, v in tags.map.items()])["KeyMetadata"]
    assert find(environment) == [f"{key['Arn']}: to be deleted by hand"]
    client("kms").untag_resource(KeyId=key["KeyId"], TagKeys=["project"])


def test_a_nested_part_is_told_once_by_its_root_though_it_carries_the_tags(environment: Any, tags: Tags) -> None:
    stack.deploy(environment.stack, {"EnvironmentSuffix": environment.suffix, "TrackingId": "t"}, tags.map)
    found = find(environment)
    assert len(found) == len(set(found))
    assert [line for line in found if ":stack/" in line] == [stack.describe(environment.stack)["StackId"]]


def test_a_nested_part_names_its_parent_and_its_root_which_names_none(environment: Any, client: Client) -> None:
    stack.deploy(environment.stack, {"EnvironmentSuffix": environment.suffix, "TrackingId": "t"}, {})
    described = {each["StackId"]: each for each in client("cloudformation").describe_stacks()["Stacks"]}
    root = described[stack.describe(environment.stack)["StackId"]]
    parts = [each for each in described.values() if each["StackName"].startswith(f"{environment.stack}-")]
    assert parts and all(part["ParentId"] == part["RootId"] == root["StackId"] for part in parts)
    assert "ParentId" not in root
