"""An endpoint asked for many users at once, by what a real one cannot be made to do: a server that speaks its wire."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from recsys.lambdas import clock as clocks
from recsys.lambdas.batch_processor.endpoint import BODY, PATIENCE, EndpointSource
from recsys.lambdas.batch_processor.source import Gone
from recsys.lambdas.clock import ATTEMPTS, MARGIN, Clock, OutOfTime

CATALOGUE = {"of u1": {"title": "One", "category": "c", "price": 1.5}}
NOT_FOUND = (400, "ValidationError", {"Message": "Endpoint recommendations-dev of account 000000000000 not found."})

Answer = tuple[int, str, dict[str, Any]]  # status, error type ("" for none), body


def model_error(status: int, message: str = "") -> Answer:
    """What SageMaker makes of a model's own error."""
    told = f'Received error ({status}) from primary with message "{message}".'
    return 424, "ModelError", {"Message": told, "OriginalStatusCode": status, "OriginalMessage": message}


def served(asked: dict[str, Any]) -> Answer:
    """A model that has one item for everyone."""
    lists = [[{"itemId": f"of {each['userId']}", "score": 0.5}] for each in asked["instances"]]
    return 200, "", {"predictions": [{"recommendations": items} for items in lists]}


class Server(ThreadingHTTPServer):
    """InvokeEndpoint: `answers` are given one after another, then `model` answers; `calls` are the bodies that came."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.model: Callable[[dict[str, Any]], Answer] = served
        self.calls: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def answer(self, body: bytes) -> Answer:
        return self.answers.pop(0) if self.answers else self.model(json.loads(body))

    def users(self) -> list[list[str]]:
        """Who was asked for in each call."""
        return [[each["userId"] for each in json.loads(body)["instances"]] for body in self.calls]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        assert self.path == "/endpoints/recommendations-dev/invocations"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append(body)
        status, error, answer = self.server.answer(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if error:
            self.send_header("x-amzn-errortype", error)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(clocks, "FIRST_WAIT", 0.001)
    with Server() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def source(server: Server) -> EndpointSource:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    once = Config(retries={"total_max_attempts": 1})
    url = f"http://127.0.0.1:{server.server_port}"
    runtime = boto3.client("sagemaker-runtime", endpoint_url=url, config=once, **keys)
    return EndpointSource(runtime, "recommendations-dev", CATALOGUE)


class Context:
    """Lambda's context with so many seconds left."""

    def __init__(self, seconds: float = 900.0) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def people(count: int) -> dict[str, list[dict[str, Any]]]:
    return {f"u{number}": [] for number in range(count)}


def test_one_call_answers_many_users_with_what_the_catalogue_knows(server: Server, source: EndpointSource) -> None:
    events = [{"itemId": "a", "timestamp": 1_700_000_000.5}]
    answers = source.recommend({"u1": events, "u2": []}, Clock(Context()))
    assert answers == {
        "u1": [{"itemId": "of u1", "title": "One", "category": "c", "price": 1.5, "score": 0.5}],
        "u2": [{"itemId": "of u2", "title": None, "category": None, "price": None, "score": 0.5}],
    }
    (body,) = map(json.loads, server.calls)
    assert body == {"instances": [{"userId": "u1", "events": events}, {"userId": "u2", "events": []}], "numResults": 10}


@pytest.mark.parametrize(
    "answer",
    [
        (400, "ThrottlingException", {"Message": "Rate exceeded"}),
        (429, "ModelNotReadyException", {"Message": "loading"}),
        (503, "ServiceUnavailable", {"Message": "no capacity"}),
        (500, "InternalFailure", {"Message": "?"}),
        (530, "InternalDependencyException", {"Message": "?"}),
        model_error(500, "oops"),
        model_error(429, "busy"),
        model_error(0, "Your invocation timed out"),
    ],
    ids=lambda answer: f"{answer[1]}-{answer[2].get('OriginalStatusCode', '')}",
)
def test_what_passes_is_asked_again(server: Server, source: EndpointSource, answer: Answer) -> None:
    server.answers = [answer, answer]
    answers = source.recommend(people(3), Clock(Context()))
    assert [items[0]["itemId"] for items in answers.values()] == ["of u0", "of u1", "of u2"]
    assert len(server.calls) == 3


def test_what_does_not_pass_is_told_of_every_user(server: Server, source: EndpointSource) -> None:
    server.model = lambda asked: model_error(500, "oops")
    answers = source.recommend(people(3), Clock(Context()))
    assert list(answers) == ["u0", "u1", "u2"] and all("oops" in str(each) for each in answers.values())
    assert len(server.calls) == ATTEMPTS


def test_who_spoils_a_call_is_found_and_all_others_are_served(server: Server, source: EndpointSource) -> None:
    def picky(asked: dict[str, Any]) -> Answer:
        bad = [place for place, each in enumerate(asked["instances"]) if each["userId"] in ("u5", "u77")]
        return model_error(400, f"instances[{bad[0]}]: no") if bad else served(asked)

    server.model = picky
    answers = source.recommend(people(100), Clock(Context()))
    failed = {user: str(answer) for user, answer in answers.items() if isinstance(answer, Exception)}
    assert list(answers) == list(people(100))
    assert failed.keys() == {"u5", "u77"} and all("instances[0]: no" in reason for reason in failed.values())
    assert len(server.calls) < 2 * 2 * 7  # halved seven times for each, and half of that is served


def test_what_is_longer_than_an_endpoint_takes_is_asked_in_parts(server: Server, source: EndpointSource) -> None:
    event = {"itemId": "\N{SNOWMAN}" * 256, "timestamp": 1_700_000_000.0}
    answers = source.recommend(dict.fromkeys(people(150), [event] * 25), Clock(Context()))
    assert sum(map(len, server.calls)) > BODY >= max(map(len, server.calls))
    assert len(answers) == 150 and not [each for each in answers.values() if isinstance(each, Exception)]


def test_what_a_serverless_endpoint_finds_too_large_is_asked_in_parts(server: Server, source: EndpointSource) -> None:
    server.answers = [(413, "", {"message": "too large"})]
    assert len(source.recommend(people(4), Clock(Context()))) == 4
    assert server.users() == [["u0", "u1", "u2", "u3"], ["u0", "u1"], ["u2", "u3"]]


@pytest.mark.parametrize(
    "answer",
    [
        NOT_FOUND,
        (403, "AccessDeniedException", {"Message": "not authorized to perform: sagemaker:InvokeEndpoint"}),
        model_error(415, "content type"),
        (200, "", {"recommendations": []}),
        (200, "", {"predictions": [{"recommendations": []}]}),
    ],
)
def test_what_is_answered_alike_whoever_is_asked_for_ends_the_run(
    server: Server, source: EndpointSource, answer: Answer
) -> None:
    server.answers = [answer]
    with pytest.raises(Gone, match="endpoint recommendations-dev"):
        source.recommend(people(2), Clock(Context()))
    assert len(server.calls) == 1


def test_no_call_begins_that_could_outlast_the_invocation(server: Server, source: EndpointSource) -> None:
    with pytest.raises(OutOfTime):
        source.recommend(people(2), Clock(Context(MARGIN + PATIENCE - 1)))
    assert server.calls == []


def test_nobody_is_asked_for_nobody(server: Server, source: EndpointSource) -> None:
    assert source.recommend({}, Clock(Context())) == {}
    assert server.calls == []
