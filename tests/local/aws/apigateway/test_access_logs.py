"""The access log of an API keeps its newest lines."""

from ministack.services import cloudwatch_logs

from recsys.local.aws.apigateway import access_logs


def test_of_a_line_that_is_no_longer_kept_nothing_stays(monkeypatch):
    monkeypatch.setattr(access_logs, "KEPT_LINES", 2)
    cloudwatch_logs._create_log_group({"logGroupName": "access"})
    for number in range(5):
        access_logs._write("access", "api", f"line {number}")
    kept = [record["@message"] for record in cloudwatch_logs._log_records.values() if record["@log"] == "access"]
    cloudwatch_logs._delete_log_group({"logGroupName": "access"})
    assert kept == ["line 3", "line 4"]
