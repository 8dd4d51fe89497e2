"""A stack that is updated while it serves: nobody notices, and what does not work does not stay."""

import inspect
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from waiting import eventually

from recsys import deploy
from recsys.deploy import package, probe
from recsys.errors import AwsError
from recsys.lambdas.batch_processor import handler

API = "lambdas/recommendation_api/handler.py"
STREAM = "lambdas/stream_processor/handler.py"
BATCH = "lambdas/batch_processor/handler.py"
MISSING = (b"import os\n", b"import os\nimport no_such_library\n")
ITEMS = [{"itemId": f"item-{number}", "title": None, "category": None, "price": None} for number in range(5)]

Serving = tuple[Any, dict[str, str]]


@pytest.fixture(scope="module")
def serving(lasting: Any, client: Callable[[str], Any]) -> Serving:
    """An environment whose API answers with the popular items, as its campaign is not there; and its outputs."""
    outputs = lasting.grown("api")
    content = json.dumps({"solutionVersionArn": None, "items": ITEMS})
    client("s3").put_object(Bucket=outputs["BucketName"], Key="popular.json", Body=content.encode())
    return lasting, outputs


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes, bytes], None]:
    """`changed(file, old, new)`: from now on that file of the zips has other code."""
    build = package.build

    def change(file: str, old: bytes, new: bytes) -> None:
        def built(function: str) -> package.Package:
            contents = build(function).contents
            mine = {file: contents[file].replace(old, new, 1)} if file in contents else {}
            return package.Package(function, {**contents, **mine})

        monkeypatch.setattr(package, "build", built)

    return change


class Shoppers:
    """Clients that ask for recommendations, fifty times a second at most, until they are told to stop."""

    def __init__(self, url: str, count: int) -> None:
        self.url, self.stop, self.seen = url, threading.Event(), []
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(count)]

    def __enter__(self) -> "Shoppers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        while not self.stop.wait(0.02):
            try:
                with urllib.request.urlopen(f"{self.url}/recommendations/user-{number}", timeout=30) as response:
                    self.seen.append(response.headers["Cache-Control"])
            except (urllib.error.HTTPError, OSError) as error:
                self.seen.append(str(error))


def test_changed_code_takes_over_under_load_without_a_failed_request(serving: Serving, changed: Callable) -> None:
    environment, outputs = serving
    changed(API, b"PERSONAL)", b"'private, max-age=6')")
    with Shoppers(outputs["ApiUrl"], 4) as shoppers:
        eventually(lambda: len(shoppers.seen) > 20)
        environment.grown("api")
        eventually(lambda: shoppers.seen.count("private, max-age=6") > 50)
    assert Counter(shoppers.seen).keys() == {"private, max-age=5", "private, max-age=6"}
    assert set(shoppers.seen[-40:]) == {"private, max-age=6"}  # no worker of the old code stays


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (API, *MISSING, "recommendation-api-.* does not work: .*no_such_library"),
        (API, b'"status": "ok"', b'"status": 1 / 0', "recommendation-api-.* does not work: it answered 500"),
        (STREAM, *MISSING, "recsys-stream-processor-.* does not work: .*no_such_library"),
        (BATCH, *MISSING, "recsys-batch-processor-.* does not work: .*no_such_library"),
    ],
    ids=["api that cannot start", "api that fails", "stream processor that cannot start", "batch that cannot start"],
)
def test_a_broken_function_is_taken_back_with_its_reason(
    serving: Serving, changed: Callable, file: str, old: bytes, new: bytes, reason: str
) -> None:
    environment, outputs = serving
    before = kept(environment)
    changed(file, old, new)
    with pytest.raises(AwsError, match=f"is back as it was before: {reason}"):
        environment.deploy(ProfileDays=7)
    assert kept(environment) == before
    assert deploy.get(f"{outputs['ApiUrl']}/health")[1]["status"] == "ok"


def test_to_ask_the_batch_whether_it_works_is_no_error_and_no_batch(serving: Serving, client: Callable) -> None:
    environment, outputs = serving
    function = [{"Name": "FunctionName", "Value": outputs["BatchProcessorFunctionName"]}]
    calls, errors = (total(client, "AWS/Lambda", metric, function) for metric in ("Invocations", "Errors"))
    environment.deploy(ProfileDays=8)
    eventually(lambda: total(client, "AWS/Lambda", "Invocations", function) == calls + 1)
    assert total(client, "AWS/Lambda", "Errors", function) == errors
    begun = [{"Name": "service", "Value": "batch-processor"}, {"Name": "environment", "Value": environment.suffix}]
    assert total(client, "Recsys", "BatchInvocations", begun) == 0  # so the alarm BatchMissed still stands


def test_a_batch_from_before_it_could_be_asked_is_left_as_it_is_and_does_nothing(client: Callable[[str], Any]) -> None:
    """It looks for its day first of all."""
    output = "BatchProcessorFunctionName"
    source = inspect.getsource(handler.asked)
    code = f"from datetime import UTC, datetime\nfrom typing import Any\nclass BadEvent(ValueError): pass\n{source}\n"
    make(client, "older", f"{code}def handler(event, context):\n    return asked(event)\n")
    try:
        assert probe.fault({output: "older"}, {output: "older"}) is None
        answer = client("lambda").invoke(FunctionName="older", Payload=json.dumps(probe.QUESTIONS[output]))
        assert "BadEvent" in answer["Payload"].read().decode()
    finally:
        client("lambda").delete_function(FunctionName="older")


def total(client: Callable[[str], Any], namespace: str, metric: str, dimensions: list[dict[str, str]]) -> float:
    """The sum of a metric over the last hour."""
    window = {"StartTime": time.time() - 3600, "EndTime": time.time() + 60, "Period": 3600, "Statistics": ["Sum"]}
    asked = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return sum(point["Sum"] for point in client("cloudwatch").get_metric_statistics(**asked, **window)["Datapoints"])


def kept(environment: Any) -> dict[str, str]:
    entries = deploy.describe(environment.stack)["Parameters"]
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in entries}


def test_a_call_in_progress_ends_with_the_code_it_began_with(client: Callable[[str], Any]) -> None:
    """As on AWS; and the next call has the new code."""
    function = "slow"
    code = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'old'\n"
    make(client, function, code)
    try:
        answers: list[str] = []
        calls = [threading.Thread(target=lambda: answers.append(called(client, function, 1.5))) for _ in range(2)]
        for each in calls:
            each.start()
        time.sleep(0.9)
        client("lambda").update_function_code(FunctionName=function, ZipFile=zipped(code.replace("old", "new")))
        assert called(client, function, 0) == "new"
        for each in calls:
            each.join()
        assert answers == ["old", "old"]
        assert called(client, function, 0) == "new"
    finally:
        client("lambda").delete_function(FunctionName=function)


def make(client: Callable[[str], Any], function: str, code: str) -> None:
    request = {"Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "index.handler"}
    client("lambda").create_function(FunctionName=function, Code={"ZipFile": zipped(code)}, Timeout=10, **request)


def called(client: Callable[[str], Any], function: str, event: float) -> str:
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def zipped(code: str) -> bytes:
    return package.Package("test", {"index.py": code.encode()}).data
