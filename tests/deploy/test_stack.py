"""One stack that grows, shrinks, stays, fails and recovers."""

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import privileges
import pytest

from recsys import deploy
from recsys.deploy import package, template
from recsys.errors import AwsError, Refused

BUCKET = {"BucketName", "RoleArn", "SageMakerRoleArn"}
STREAM = BUCKET | {"AlarmTopicArn", "StreamName", "TableName", "QueueUrl", "StreamProcessorFunctionName"}
API = STREAM | {"CampaignArn", "RecommendationApiFunctionName", "ApiUrl", "BatchProcessorFunctionName"}

SERVED = {"CampaignArn": "arn:aws:personalize:us-east-1:1:campaign/c"}

Client = Callable[[str], Any]


def test_it_grows_from_the_bucket_to_the_stream_to_the_api(environment: Any) -> None:
    assert environment.grown("bucket").keys() == BUCKET
    assert environment.grown("stream").keys() == STREAM
    assert environment.deploy(CampaignArn="arn:aws:personalize:us-east-1:1:campaign/c").keys() == API


def test_everything_at_once_ends_the_same(environment: Any) -> None:
    outputs = environment.grown("api")
    assert outputs.keys() == API
    assert deploy.get(f"{outputs['ApiUrl']}/health")[1]["streamName"] == outputs["StreamName"]


def test_the_same_again_changes_nothing_and_says_so(environment: Any) -> None:
    outputs = environment.grown("stream")
    assert environment.grown("stream") == outputs
    assert environment.said == [f"stack {environment.stack}: unchanged"]


def test_a_parameter_given_once_is_kept(environment: Any, client: Client) -> None:
    environment.deploy(TrackingId="t", ShardCount=2)
    outputs = environment.deploy(CampaignArn="arn:aws:personalize:us-east-1:1:campaign/c")
    stream = client("kinesis").describe_stream_summary(StreamName=outputs["StreamName"])
    assert stream["StreamDescriptionSummary"]["OpenShardCount"] == 2


def test_filters_that_were_set_by_hand_stay_beside_those_that_are_offered(environment: Any) -> None:
    own = {
        "shoes": {"arn": "arn:shoes", "values": ["category"]},
        "category": {"arn": "arn:own", "values": ["category"]},
    }
    environment.deploy(**SERVED, Filters=json.dumps({**own, "price": {"arn": "arn:price", "values": []}}))
    price = {"arn": "arn:price", "values": ["minPrice", "maxPrice"]}
    category = {"arn": "arn:category", "values": ["category"]}
    merged = deploy.filter_parameters(environment.stack, {"price": price, "category": category})
    assert json.loads(merged["Filters"]) == {**own, "price": price}


def test_filters_of_a_stack_that_is_not_there_are_those_that_are_offered(connected: None) -> None:
    assert deploy.filter_parameters("recsys-nowhere", {}) == {"Filters": "{}"}


def test_an_emptied_parameter_takes_its_part_away(environment: Any, exists: Callable[[str], set[str]]) -> None:
    environment.grown("api")
    assert environment.deploy(CampaignArn="").keys() == STREAM
    assert "api" not in exists(environment.suffix)


def test_the_api_without_a_stream_takes_no_events(environment: Any) -> None:
    url = environment.deploy(CampaignArn="arn:aws:personalize:us-east-1:1:campaign/c")["ApiUrl"]
    status, answer = deploy.post(f"{url}/events", {"userId": "u", "itemId": "i", "eventType": "view"})
    assert (status, answer["error"]["code"]) == (404, "NotConfigured")
    assert deploy.get(f"{url}/similar-items/i")[1]["error"]["code"] == "NotConfigured"


def test_the_web_site_that_may_call_can_be_named(environment: Any) -> None:
    url = environment.deploy(
        CampaignArn="arn:aws:personalize:us-east-1:1:campaign/c", AllowedOrigin="https://shop.example"
    )["ApiUrl"]
    for method in ("OPTIONS", "GET"):
        request = urllib.request.Request(f"{url}/health", method=method, headers={"Origin": "https://shop.example"})
        with urllib.request.urlopen(request) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_changed_code_is_deployed(environment: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    name = environment.grown("stream")["StreamProcessorFunctionName"]
    before = client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"]
    monkeypatch.setattr(package, "build", with_a_note(package.build))
    environment.grown("stream")
    assert client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"] != before


def with_a_note(build: Callable[[str], package.Package]) -> Callable[[str], package.Package]:
    def changed(function: str) -> package.Package:
        return package.Package(function, {**build(function).contents, "note.txt": b"changed"})

    return changed


def test_the_stack_carries_its_tags_and_the_run_that_made_it(environment: Any) -> None:
    environment.grown("bucket")
    deploy.deploy(environment.stack, {"ProfileDays": 7}, {"project": "recsys", "run": "second"})
    tags = deploy.describe(environment.stack)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"project": "recsys", "run": "first"}


def test_the_pipelines_names_can_be_looked_up(environment: Any, client: Client) -> None:
    environment.deploy(DatasetGroupName="shop", MinProvisionedTPS=3)
    value = client("ssm").get_parameter(Name=f"/recsys/{environment.suffix}/pipeline")["Parameter"]["Value"]
    assert json.loads(value) == {
        "datasetGroup": "shop",
        "solution": "user-personalization",
        "campaign": "real-time-recommendations",
        "minProvisionedTPS": 3,
    }


def test_the_api_may_ask_the_campaigns_of_an_experiment_and_no_others(environment: Any, client: Client) -> None:
    arns = [f"arn:aws:personalize:us-east-1:1:campaign/{name}" for name in ("a", "b", "c")]
    with pytest.raises(Refused, match="Experiments needs ExperimentCampaignArns"):
        environment.deploy(CampaignArn=arns[0], Experiments='{"recommendations": {}}')
    environment.deploy(
        CampaignArn=arns[0], **deploy.variant_parameters("trial", dict(zip("xy", arns[1:], strict=True)))
    )
    name = privileges.roles(client, environment.stack)["RecommendationApiRole"]
    policy = client("iam").get_role_policy(RoleName=name, PolicyName="recommendation-api")["PolicyDocument"]
    asks = [(each["Action"], each["Resource"]) for each in policy["Statement"] if "personalize:" in str(each["Action"])]
    everybodys, trials = asks
    assert [arn for arn in everybodys[1] if ":campaign/" in arn] == arns[:1]
    assert trials == (["personalize:GetPersonalizedRanking", "personalize:GetRecommendations"], arns[1:])


def test_a_schedule_is_of_whatever_campaigns_there_are_and_needs_one(environment: Any, client: Client) -> None:
    similar = "arn:aws:personalize:us-east-1:1:campaign/similar"
    asked = {"TrackingId": "t", "EndpointName": "not-there", "RetrainingSchedule": "cron(0 4 ? * SUN *)"}
    with pytest.raises(Refused, match="RetrainingSchedule needs TrackingId, a campaign, CampaignArn or EndpointName"):
        environment.deploy(**asked)
    with pytest.raises(Refused, match="RetrainingSchedule needs"):  # without an API there is nothing to retrain for
        environment.deploy(**asked | {"EndpointName": ""}, SimilarItemsCampaignArn=similar)
    environment.deploy(**asked, SimilarItemsCampaignArn=similar)
    name = privileges.roles(client, environment.stack)["RetrainingRole"]
    policy = client("iam").get_role_policy(RoleName=name, PolicyName="retraining")["PolicyDocument"]
    updates = [each["Resource"] for each in policy["Statement"] if "personalize:UpdateCampaign" in each["Action"]]
    assert updates == [[similar]]
    (machine,) = [
        each["stateMachineArn"]
        for each in client("stepfunctions").list_state_machines()["stateMachines"]
        if each["name"] == f"recsys-retraining-{environment.suffix}"
    ]
    definition = client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"]
    assert f"'similar-items', 'campaignArn': '{similar}'" in definition
    assert "'recommendations', 'campaignArn': ''" in definition


@pytest.mark.parametrize(("tracing", "traced"), [("Active", True), ("PassThrough", False)])
def test_tracing_is_switched_for_function_stage_and_role_together(
    environment: Any, client: Client, tracing: str, traced: bool
) -> None:
    campaign = "arn:aws:personalize:us-east-1:1:campaign/a"
    outputs = environment.deploy(CampaignArn=campaign, Tracing=tracing)
    function = client("lambda").get_function_configuration(FunctionName=outputs["RecommendationApiFunctionName"])
    assert function["TracingConfig"] == {"Mode": tracing}
    assert function["Environment"]["Variables"]["POWERTOOLS_TRACE_DISABLED"] == ("false" if traced else "true")
    api = re.search(r"restapis/(\w+)/", outputs["ApiUrl"])[1]
    assert client("apigateway").get_stage(restApiId=api, stageName=environment.suffix)["tracingEnabled"] == traced
    name = privileges.roles(client, environment.stack)["RecommendationApiRole"]
    policy = client("iam").get_role_policy(RoleName=name, PolicyName="recommendation-api")["PolicyDocument"]
    assert ("xray:PutTraceSegments" in json.dumps(policy)) == traced


class TestAFailure:
    def test_names_the_first_resource_and_its_reason(self, environment: Any, client: Client) -> None:
        environment.grown("bucket")
        occupied = f"recsys-profiles-{environment.suffix}"
        occupy(client, occupied)
        with pytest.raises(AwsError, match=rf"UPDATE_ROLLBACK_COMPLETE: ProfilesTable .* {occupied} already exists"):
            environment.grown("stream")
        client("dynamodb").delete_table(TableName=occupied)
        assert environment.grown("stream").keys() == STREAM

    def test_in_a_nested_stack_is_told_with_the_reason_that_its_parent_does_not_know(self, environment: Any) -> None:
        environment.grown("api")
        version = "arn:aws:personalize:us-east-1:1:solution/s/v"
        inner = r"ScheduleRule \(AWS::Events::Rule\) failed: Parameter ScheduleExpression is not valid"
        with pytest.raises(AwsError, match=rf"ROLLBACK_COMPLETE: Retraining \(AWS::CloudFormation::Stack\): {inner}"):
            environment.deploy(SolutionVersionArn=version, RetrainingSchedule="cron(0 4)")

    def test_of_a_share_that_the_account_cannot_spare_is_told_as_lambda_tells_it(self, environment: Any) -> None:
        environment.grown("bucket")
        with pytest.raises(AwsError, match=r"StreamProcessor .* below its minimum value of \[100\]"):
            environment.deploy(TrackingId="t", ReservedConcurrency=901)
        assert environment.deploy(TrackingId="t", ReservedConcurrency=0).keys() == STREAM

    def test_of_the_first_creation_is_cleared_away_by_the_next(self, environment: Any, client: Client) -> None:
        name = f"/recsys/{environment.suffix}/pipeline"
        client("ssm").put_parameter(Name=name, Type="String", Value="in the way")
        with pytest.raises(AwsError, match="ROLLBACK_COMPLETE: PipelineNames"):
            environment.grown("bucket")
        client("ssm").delete_parameter(Name=name)
        assert environment.grown("bucket").keys() == BUCKET
        assert re.search("ROLLBACK_COMPLETE, it never stood", environment.said[0])


def occupy(client: Client, table: str) -> None:
    client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_a_misspelt_parameter_is_refused_before_anything_is_touched(environment: Any) -> None:
    with pytest.raises(AwsError, match="no parameter TrackingID; did you mean TrackingId"):
        environment.deploy(TrackingID="t")
    assert deploy.describe(environment.stack) is None


def test_a_value_out_of_range_is_refused(environment: Any) -> None:
    with pytest.raises(Refused, match="ShardCount"):
        environment.deploy(ShardCount=4000)


def test_a_changed_api_gets_a_new_snapshot(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for text in (template.TEMPLATE.read_text(), template.TEMPLATE.read_text().replace("'3600'", "'60'")):
        (tmp_path / "template.yaml").write_text(text)
        monkeypatch.setattr(template, "TEMPLATE", tmp_path / "template.yaml")
        template.content.cache_clear()
        names.append(snapshot({}))
    template.content.cache_clear()
    assert names[0] != names[1]


def snapshot(values: dict[str, str]) -> str:
    return re.search(r"ApiDeployment\w+", template.body(values)).group()


def test_a_parameter_that_changes_the_api_brings_a_new_snapshot_and_another_does_not() -> None:
    assert snapshot({"ApiKeyRequired": "true"}) != snapshot({})
    assert snapshot({"AllowedOrigin": "https://shop.example"}) != snapshot({})
    assert snapshot({"LambdaFunctionName": "shop-api"}) != snapshot({})
    assert snapshot({"ApiKeyRequired": "false", "ShardCount": "9"}) == snapshot({})
