"""Environments of a few seconds' life for the tests of deploying and removing."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from recsys import aws, deploy
from recsys.deploy import cleanup

numbers = itertools.count(1)

TRACKED = {"TrackingId": "00000000-0000-4000-8000-000000000000"}
SERVED = {"CampaignArn": "arn:aws:personalize:us-east-1:000000000000:campaign/real-time-recommendations-dev"}
STAGES = {"bucket": {}, "stream": TRACKED, "api": {**TRACKED, **SERVED}}


@dataclass(frozen=True)
class Environment:
    """Names of one environment, and what its deployments said."""

    suffix: str
    said: list[str]

    @property
    def stack(self) -> str:
        return f"recsys-{self.suffix}"

    @property
    def group(self) -> str:
        return f"shop-{self.suffix}"

    def grown(self, stage: str) -> dict[str, str]:
        """Deployed as far as `bucket`, `stream` or `api`."""
        return self.deploy(**STAGES[stage])

    def deploy(self, **parameters: Any) -> dict[str, str]:
        self.said.clear()
        wanted = {"EnvironmentSuffix": self.suffix, **parameters}
        return deploy.deploy(self.stack, wanted, {"project": "recsys", "run": "first"}, on_event=self.said.append)


@pytest.fixture(scope="session")
def connected(embedded: Any) -> None:
    """No client of this process talks to where an earlier test pointed it."""
    aws.client.cache_clear()


@pytest.fixture
def environment(connected: None) -> Iterator[Environment]:
    made = Environment(f"t{next(numbers)}", [])
    yield made
    assert cleanup.destroy(made.group, made.stack) == []


@pytest.fixture(scope="module")
def lasting(connected: None) -> Iterator[Environment]:
    """One for all tests of a module."""
    made = Environment(f"t{next(numbers)}", [])
    yield made
    assert cleanup.destroy(made.group, made.stack) == []


@pytest.fixture(scope="session")
def watched(connected: None) -> Iterator[dict[str, str]]:
    """Outputs of a whole environment whose campaign, endpoint and event tracker are not there: what is asked fails."""
    made = Environment("watched", [])
    campaign = "arn:aws:personalize:us-east-1:000000000000:campaign/not-there"
    yield made.deploy(**TRACKED, CampaignArn=campaign, EndpointName="not-there")
    assert cleanup.destroy(made.group, made.stack) == []


@pytest.fixture
def exists(client: Callable[[str], Any]) -> Callable[[str], set[str]]:
    """`exists(suffix)`: kinds of resources of that environment the services themselves list."""

    def listed(suffix: str) -> set[str]:
        alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix="recsys-")["MetricAlarms"]
        dashboards = client("cloudwatch").list_dashboards()["DashboardEntries"]
        names = {
            "bucket": [entry["Name"] for entry in client("s3").list_buckets()["Buckets"]],
            "stream": client("kinesis").list_streams()["StreamNames"],
            "table": client("dynamodb").list_tables()["TableNames"],
            "function": [entry["FunctionName"] for entry in client("lambda").list_functions()["Functions"]],
            "queue": client("sqs").list_queues().get("QueueUrls", []),
            "api": [entry["name"] for entry in client("apigateway").get_rest_apis()["items"]],
            "rule": [entry["Name"] for entry in client("events").list_rules()["Rules"]],
            "role": [entry["RoleName"] for entry in client("iam").list_roles()["Roles"]],
            "log": [entry["logGroupName"] for entry in client("logs").describe_log_groups()["logGroups"]],
            "topic": [entry["TopicArn"] for entry in client("sns").list_topics()["Topics"]],
            "alarm": [entry["AlarmName"] for entry in alarms],
            "dashboard": [entry["DashboardName"] for entry in dashboards],
        }
        return {kind for kind, found in names.items() if any(suffix in name.split("-") for name in found)}

    return listed
