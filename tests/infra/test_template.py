"""The CloudFormation template: what the linter, a security reviewer and a reader would look for."""

from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file

from recsys.deploy.template import PARTS, TEMPLATE, content

# Actions AWS checks on no resource, so that a policy must say `*`.
NO_RESOURCE = {
    "personalize:PutEvents": "its request has a tracking id; the API reference demands the wildcard",
    "ecr:GetAuthorizationToken": "a token is for every repository of the account",
    "cloudwatch:PutMetricData": "a metric is no resource; a condition limits the namespace",
    "xray:PutTelemetryRecords": "how a daemon fares is no resource",
    "xray:PutTraceSegments": "a trace is no resource",
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return content()


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: body["Properties"] for name, body in template["Resources"].items() if body["Type"] == kind}


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    """Every statement of the roles' own policies, those behind a condition too."""
    found = []
    for role in of_type(template, "AWS::IAM::Role").values():
        for policy in either(role["Policies"]):
            found += either(policy["PolicyDocument"]["Statement"])
    return found


def either(entries: list[Any]) -> list[dict[str, Any]]:
    """Policies or statements, those that an !If chooses from too."""
    found = []
    for entry in entries:
        chosen = [entry] if isinstance(entry, dict) else entry[1][1:]
        found += [each for each in chosen if isinstance(each, dict)]
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    "path", [TEMPLATE, TEMPLATE.with_name("endpoints.yaml"), *PARTS.values()], ids=lambda path: path.stem
)
def test_the_linter_has_nothing_to_say(path: Path) -> None:
    assert [str(match) for match in lint_file(path)] == []


def test_it_fits_into_a_request() -> None:
    assert len(TEMPLATE.read_bytes()) < 51_200


@pytest.mark.parametrize("key", PARTS)
def test_a_nested_part_is_given_every_parameter_it_has(template: dict[str, Any], key: str) -> None:
    stacks = of_type(template, "AWS::CloudFormation::Stack").values()
    (given,) = [stack["Parameters"] for stack in stacks if f"${{{key}}}" in str(stack["TemplateURL"])]
    assert given.keys() == content(PARTS[key])["Parameters"].keys()


def test_its_parameters_have_the_names_and_defaults_of_the_design(template: dict[str, Any]) -> None:
    expected = {
        "DatasetGroupName": "ecommerce-recommendations",
        "SolutionName": "user-personalization",
        "CampaignName": "real-time-recommendations",
        "LambdaFunctionName": "recommendation-api",
        "APIName": "recommendation-api",
        "MinProvisionedTPS": 1,
        "EnvironmentSuffix": "dev",
    }
    assert {name: template["Parameters"][name]["Default"] for name in expected} == expected


def test_every_parameter_says_what_it_is(template: dict[str, Any]) -> None:
    assert not [name for name, body in template["Parameters"].items() if not body.get("Description")]


@pytest.mark.parametrize("path", [TEMPLATE, *PARTS.values()], ids=lambda path: path.stem)
def test_no_role_may_do_everything_or_touch_everything(path: Path) -> None:
    for statement in statements(content(path)):
        assert not [action for action in listed(statement["Action"]) if "*" in action], statement
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= NO_RESOURCE.keys(), statement
    lines = path.read_text().splitlines()
    bare = [number for number, line in enumerate(lines) if 'Resource: "*"' in line and "Effect: Allow" in line]
    for number in bare:
        above = [line.strip()[0] for line in lines[number - 2 : number]]
        assert "#" in above, "a bare * says why in the line above, or above that"


@pytest.mark.parametrize("path", [TEMPLATE, *PARTS.values()], ids=lambda path: path.stem)
def test_no_partition_is_taken_for_granted(path: Path) -> None:
    assert "arn:aws:" not in path.read_text()


def test_the_bucket_is_versioned_encrypted_and_private(template: dict[str, Any]) -> None:
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_bucket_and_queue_refuse_unencrypted_connections(template: dict[str, Any]) -> None:
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        (policy,) = of_type(template, kind).values()
        first = policy["PolicyDocument"]["Statement"][0]
        assert (first["Effect"], first["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_failed_batch_is_retried_bisected_and_ends_in_the_queue(template: dict[str, Any]) -> None:
    (mapping,) = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["MaximumRetryAttempts"] == 3
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"]["OnFailure"]
    assert template["Parameters"]["BatchSize"]["Default"] == 100


def test_profiles_expire_and_can_be_restored_to_any_second(template: dict[str, Any]) -> None:
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_every_function_logs_to_a_group_that_goes_with_the_stack(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Lambda::Function").values()
    groups = {group["LogGroupName"][1] for group in of_type(template, "AWS::Logs::LogGroup").values()}
    assert groups >= {f"/aws/lambda/{function['FunctionName'][1]}" for function in functions}


def test_every_method_is_in_the_deployment(template: dict[str, Any]) -> None:
    kinds = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    parts = {name for kind in kinds for name in of_type(template, kind)}
    assert set(template["Resources"]["ApiDeployment"]["DependsOn"]) == parts


def test_the_batch_runs_daily_at_two_alone_and_its_results_expire(template: dict[str, Any]) -> None:
    assert template["Parameters"]["BatchSchedule"]["Default"] == "cron(0 2 * * ? *)"
    batch = template["Resources"]["BatchProcessor"]["Properties"]
    assert (batch["Timeout"], batch["ReservedConcurrentExecutions"][1][:2]) == (900, ["IsReserved", 1])
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    days = {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert days["batch-results/"] == 90
