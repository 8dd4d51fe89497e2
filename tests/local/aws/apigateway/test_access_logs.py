"""The access log of an API keeps its newest lines."""

from ministack.services import cloudwatch_logs

from recsys.local.aws.apigateway import access_logs


def test_only_the_newest_lines_stay(monkeypatch):
    monkeypatch.setattr(access_logs, "KEPT_LINES", 2)
    cloudwatch_logs._create_log_group({"logGroupName": "access"})
    for number in range(5):
        access_logs._write("access", "api", f"line {number}")
    kept = [event["message"] for event in cloudwatch_logs._log_groups["access"]["streams"]["api"]["events"]]
    cloudwatch_logs._delete_log_group({"logGroupName": "access"})
    assert kept == ["line 3", "line 4"]
