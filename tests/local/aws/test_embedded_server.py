"""The one process: where it listens, how it routes, what it says about itself."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest
from own_server import OwnServer
from stream_pipeline import function

from recsys.http import past_proxies

PRINTING = """
import logging
logging.getLogger().setLevel("INFO")


def handler(event, context):
    if event.get("fail"):
        raise KeyError("missing")
    logging.info("a line of the function")
    return {"ok": True}
"""


def test_nothing_listens_beyond_loopback(client, embedded):
    client("s3").list_buckets()
    family = [psutil.Process(embedded.pid), *psutil.Process(embedded.pid).children(recursive=True)]
    listening = {c.laddr.ip for one in family for c in one.net_connections() if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_the_health_report_says_who_runs(embedded):
    with urllib.request.urlopen(f"{embedded.endpoint}/_recsys/health") as answer:
        report = json.load(answer)
    assert (report["pid"], report["state"]) == (embedded.pid, str(embedded.state))
    assert report["autosave"]["error"] is None


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "https://shop.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.shop.example"},
        {"Host": "shop.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Referer": "https://shop.example/"},
    ],
)
def test_a_web_page_from_elsewhere_changes_nothing_here(client, embedded, told):
    client("ssm").put_parameter(Name="kept", Value="v", Type="String", Overwrite=True)
    request = urllib.request.Request(f"{embedded.endpoint}/_ministack/reset", method="POST", headers=told)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert (refused.value.code, json.load(refused.value)["__type"]) == (403, "AccessDeniedException")
    assert client("ssm").get_parameter(Name="kept")["Parameter"]["Value"] == "v"


@pytest.mark.parametrize("target", ["personalize/aws4_request", "sagemaker/aws4_request", "xray/aws4_request"])
def test_no_other_service_answers_it_at_the_path_of_a_deployed_api(embedded, target):
    told = {"Origin": "https://shop.example", "Authorization": f"Credential=test/20260101/us-east-1/{target}"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(
            urllib.request.Request(f"{embedded.endpoint}/restapis/a/b/_user_request_/c", headers=told)
        )
    assert refused.value.code == 403


def test_a_page_of_the_shop_may_sign_what_it_asks_of_a_deployed_api(embedded):
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request"
    told = {"Origin": "https://shop.example", "Authorization": signed}
    with pytest.raises(urllib.error.HTTPError) as unknown:
        urllib.request.urlopen(
            urllib.request.Request(f"{embedded.endpoint}/restapis/a/b/_user_request_/c", headers=told)
        )
    assert "web page" not in unknown.value.read().decode()


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://[::1]:3000"},
        {"Host": "bucket.localhost:4566"},
        {"Host": "bucket.s3.us-east-1.amazonaws.com"},
        {"Sec-Fetch-Site": "cross-site", "Referer": "http://localhost:8888/lab"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_pages_of_this_machine_are_answered(embedded, told):
    with urllib.request.urlopen(urllib.request.Request(f"{embedded.endpoint}/_recsys/health", headers=told)) as answer:
        assert answer.status == 200


def test_one_url_answers_for_personalize_and_for_the_rest(client):
    assert "campaigns" in client("personalize").list_campaigns()
    assert client("sts").get_caller_identity()["Account"] == "000000000000"


def test_the_ordinary_aws_command_sees_what_boto3_sees(client, embedded):
    command = [sys.executable, "-m", "awscli", "personalize", "list-campaigns"]
    done = subprocess.run(command, capture_output=True, text=True)
    seen = [campaign["name"] for campaign in json.loads(done.stdout)["campaigns"]]
    assert seen == [campaign["name"] for campaign in client("personalize").list_campaigns()["campaigns"]]


def test_an_error_of_a_function_has_its_type_and_does_not_end_the_worker(client):
    function(client, "failing", PRINTING)
    answer = client("lambda").invoke(FunctionName="failing", Payload=b'{"fail": true}')
    body = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], body["errorType"], body["errorMessage"]) == ("Unhandled", "KeyError", "'missing'")
    client("lambda").delete_function(FunctionName="failing")


def test_log_lines_and_metrics_of_a_function_reach_cloudwatch(client):
    function(client, "logging", PRINTING)
    for calls in range(1, 4):
        client("lambda").invoke(FunctionName="logging", Payload=b"{}")
        told = client("logs").filter_log_events(logGroupName="/aws/lambda/logging")["events"]
        assert sum("a line of the function" in event["message"] for event in told) == calls
        assert not any("__recsys" in event["message"] for event in told)
    found = client("cloudwatch").list_metrics(Namespace="AWS/Lambda", MetricName="Invocations")["Metrics"]
    assert [{"Name": "FunctionName", "Value": "logging"}] in [metric["Dimensions"] for metric in found]
    client("lambda").delete_function(FunctionName="logging")


CALLING = """
import boto3


def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Account"]
"""


def test_it_serves_and_reaches_itself_where_everything_else_goes_through_a_proxy(tmp_path, free_port, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = OwnServer(free_port, tmp_path / "state")
    try:
        server.start()
        for name, value in past_proxies().items():
            monkeypatch.setenv(name, value)
        function(server.client, "calling", CALLING)
        assert server.client("lambda").invoke(FunctionName="calling")["Payload"].read() == b'"000000000000"'
    finally:
        server.stop()


def test_a_record_that_is_acknowledged_is_on_disk(client, embedded):
    client("kinesis").create_stream(StreamName="durable", ShardCount=1)
    client("kinesis").put_record(StreamName="durable", Data=b"x", PartitionKey="p")
    assert b"stream/durable" in b"".join(path.read_bytes() for path in embedded.state.glob("streams.sqlite*"))
    client("kinesis").delete_stream(StreamName="durable")
