"""What API Gateway does before the function is called: keys, limits, authorizers, logs."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from waiting import eventually

from recsys import deploy, http
from recsys.errors import AwsError

SERVED = {"CampaignArn": "arn:aws:personalize:us-east-1:000000000000:campaign/c"}
OPEN = ("health", "openapi.json")

Client = Callable[[str], Any]


def status(address: str, **headers: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def event(url: str, key: str = "") -> tuple[int, dict[str, Any]]:
    """The answer to an event, 404 where it comes as far as the function: there is no stream."""
    body = json.dumps({"userId": "u", "itemId": "i", "eventType": "view"}).encode()
    headers = {"Content-Type": "application/json", "X-Api-Key": key}
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/events", data=body, headers=headers))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)
    raise AssertionError("an API without a stream took an event")


def deployed_with_key(environment: Any, client: Client, **limits: Any) -> tuple[str, str]:
    """The address of an API that asks for a key, and a key."""
    outputs = environment.deploy(**SERVED, ApiKeyRequired="true", **limits)
    return outputs["ApiUrl"], client("apigateway").get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]


@pytest.fixture(scope="module")
def keyed(lasting: Any, client: Client) -> tuple[str, str]:
    return deployed_with_key(lasting, client)


class TestAnApiWithKeys:
    def test_refuses_a_call_without_or_with_a_wrong_one(self, keyed: tuple[str, str]) -> None:
        url, key = keyed
        assert [event(url)[0], event(url, "wrong")[0], event(url, key)[0]] == [403, 403, 404]
        assert event(url)[1]["error"] == {"code": "INVALID_API_KEY", "message": "Forbidden"}

    def test_stays_open_where_a_monitor_or_a_reader_asks(self, keyed: tuple[str, str]) -> None:
        url, _ = keyed
        assert [status(f"{url}/{path}")[0] for path in OPEN] == [200, 200]

    def test_answers_a_browsers_question_without_one(self, keyed: tuple[str, str]) -> None:
        url, _ = keyed
        with urllib.request.urlopen(urllib.request.Request(f"{url}/events", method="OPTIONS")) as response:
            assert "X-Api-Key" in response.headers["Access-Control-Allow-Headers"]

    def test_refuses_what_goes_beyond_the_keys_rate(self, environment: Any, client: Client) -> None:
        url, key = deployed_with_key(environment, client, KeyRateLimit=1)
        refused = [answer for answer in (event(url, key) for _ in range(10)) if answer[0] == 429]
        assert refused[0][1]["error"] == {"code": "THROTTLED", "message": "Too Many Requests"}

    def test_refuses_what_goes_beyond_the_days_quota(self, environment: Any, client: Client) -> None:
        url, key = deployed_with_key(environment, client, KeyDailyQuota=2)
        assert [event(url, key)[0] for _ in range(3)] == [404, 404, 429]

    def test_tells_the_notebooks_that_they_cannot_call_it(self, keyed: tuple[str, str]) -> None:
        url, _ = keyed
        with pytest.raises(AwsError, match=r"answered 403: Forbidden.* send no key .* ApiKeyRequired=false"):
            deploy.get(f"{url}/recommendations/u")

    def test_refuses_a_key_that_is_switched_off(self, keyed: tuple[str, str], client: Client) -> None:
        url, key = keyed
        gateway, off = client("apigateway"), {"op": "replace", "path": "/enabled", "value": "false"}
        (known,) = [each for each in gateway.get_api_keys(includeValues=True)["items"] if each["value"] == key]
        assert gateway.update_api_key(apiKey=known["id"], patchOperations=[off])["enabled"] is False
        assert event(url, key)[0] == 403
        gateway.update_api_key(apiKey=known["id"], patchOperations=[{**off, "value": "true"}])
        assert event(url, key)[0] == 404

    def test_can_be_made_of_one_without(self, environment: Any) -> None:
        url = environment.deploy(**SERVED)["ApiUrl"]
        assert event(url)[0] == 404
        environment.deploy(ApiKeyRequired="true")
        assert event(url)[0] == 403
        environment.deploy(ApiKeyRequired="false")
        assert event(url)[0] == 404


def test_no_route_takes_more_than_the_apis_limit(environment: Any) -> None:
    url = environment.deploy(**SERVED, ApiRateLimit=1, ApiBurstLimit=3)["ApiUrl"]
    answers = [status(f"{url}/health")[0] for _ in range(10)]
    assert answers[:3] == [200, 200, 200]
    assert 429 in answers
    assert status(f"{url}/openapi.json")[0] == 200


def test_an_unsigned_call_is_refused_where_calls_are_signed(environment: Any) -> None:
    url = environment.deploy(**SERVED, ApiAuthorizer="AWS_IAM")["ApiUrl"]
    code, answer = event(url)
    assert (code, answer["error"]["code"]) == (403, "Forbidden")
    assert [status(f"{url}/{path}")[0] for path in OPEN] == [200, 200]


def test_a_call_without_a_token_is_refused_where_there_is_a_user_pool(environment: Any, client: Client) -> None:
    pool = client("cognito-idp").create_user_pool(PoolName="shoppers")["UserPool"]
    url = environment.deploy(**SERVED, ApiAuthorizer="COGNITO_USER_POOLS", UserPoolArn=pool["Arn"])["ApiUrl"]
    assert event(url)[0] == 401
    assert [status(f"{url}/{path}")[0] for path in OPEN] == [200, 200]
    client("cognito-idp").delete_user_pool(UserPoolId=pool["Id"])


def test_every_request_leaves_a_line_where_access_logs_are_on(environment: Any, client: Client) -> None:
    url = environment.deploy(**SERVED, AccessLogs="true")["ApiUrl"]
    deploy.get(f"{url}/health")
    deploy.get(f"{url}/nowhere")
    group = f"/aws/apigateway/recommendation-api-{environment.suffix}"
    events = client("logs").filter_log_events(logGroupName=group)["events"]
    lines = [json.loads(entry["message"]) for entry in events]
    assert [(line["path"].split("/")[-1], line["status"], line["error"]) for line in lines] == [
        ("health", "200", "-"),
        ("nowhere", "404", "MISSING_AUTHENTICATION_TOKEN"),
    ]


def test_a_request_is_found_in_every_log_by_the_id_its_caller_was_told(environment: Any, client: Client) -> None:
    url, find = environment.deploy(**SERVED, AccessLogs="true")["ApiUrl"], client("logs").filter_log_events
    _, headers, _ = http.ask(f"{url}/recommendations/u")  # there is no campaign, which the function logs
    for service in ("apigateway", "lambda"):
        group, asked = f"/aws/{service}/recommendation-api-{environment.suffix}", f'"{headers["x-amzn-RequestId"]}"'
        eventually(lambda group=group, asked=asked: find(logGroupName=group, filterPattern=asked)["events"], 10)


def test_a_stage_shows_its_cache_metrics_and_limits(environment: Any, client: Client) -> None:
    url = environment.deploy(**SERVED, CacheClusterSize="0.5", ApiRateLimit=7)["ApiUrl"]
    api = url.split("/restapis/")[1].split("/")[0]
    stage = client("apigateway").get_stage(restApiId=api, stageName=environment.suffix)
    assert (stage["cacheClusterEnabled"], stage["cacheClusterSize"]) == (True, "0.5")
    every = stage["methodSettings"]["*/*"]
    assert (every["metricsEnabled"], every["cachingEnabled"], every["throttlingRateLimit"]) == (True, False, 7.0)


def test_a_web_acl_can_be_put_in_front(environment: Any, client: Client) -> None:
    acl = "arn:aws:wafv2:us-east-1:000000000000:regional/webacl/shop/1"
    environment.deploy(**SERVED, WebAclArn=acl)
    found = client("cloudformation").describe_stack_resource(
        StackName=environment.stack, LogicalResourceId="WebAclAssociation"
    )
    assert found["StackResourceDetail"]["PhysicalResourceId"].startswith(acl)
