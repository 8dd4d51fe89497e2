"""The daily batch by hand."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recsys import aws, operate
from recsys.deploy.template import content
from recsys.errors import AwsError
from recsys.operate import batch


class HangsUp(BaseHTTPRequestHandler):
    """Takes a request and ends the connection without an answer."""

    def do_POST(self) -> None:
        self.server.asked.append(self.path)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Paths of the requests made of Lambda, none of which is answered."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), HangsUp)
    server.asked = []
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    for name, value in (aws.local_credentials() | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
    aws.client.cache_clear()
    yield server.asked
    server.shutdown()
    serving.join()
    server.server_close()
    aws.client.cache_clear()


def test_a_run_whose_answer_is_lost_is_not_begun_again(lost: list[str]) -> None:
    with pytest.raises(AwsError, match="closed"):
        operate.run_batch("batch")
    assert len(lost) == 1


def test_a_run_is_waited_for_as_long_as_it_may_take() -> None:
    assert content()["Resources"]["BatchProcessor"]["Properties"]["Timeout"] == batch.PATIENCE
