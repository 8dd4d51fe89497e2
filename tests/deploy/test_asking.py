"""Somebody asks all the while, and nothing that befalls a request ends that or is left out."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import ports
import pytest
from waiting import eventually

from recsys import deploy


class Shop(BaseHTTPRequestHandler):
    """Answers one user, refuses the second, hangs up on the third, and tells the fourth something that is no JSON."""

    def do_GET(self) -> None:
        user = self.path.split("/")[-1].split("?")[0]
        if user == "cut":
            return
        said = {"refused": {"error": {"code": "InternalError"}}, "well": {"source": "campaign"}}.get(user)
        self.send_response(500 if user == "refused" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode() if said else b"<html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_request_is_told_with_what_became_of_it(url: str) -> None:
    with deploy.requests_meanwhile(url, ["well", "refused", "cut", "garbled"], 5) as answers:
        eventually(lambda: len(answers.rows) >= 5)
    table = answers.table()
    assert table["status"][:5].to_list() == [200, 500, 0, 0, 200]
    assert table["source"][:2].to_list() == ["campaign", "InternalError"]
    assert table["at"].is_monotonic_increasing and (table["milliseconds"] > 0).all()


def test_it_ends_with_its_block_and_when_that_fails_too(url: str) -> None:
    threads = threading.active_count()
    with pytest.raises(KeyError), deploy.requests_meanwhile(url, ["well"], 5):
        raise KeyError
    assert threading.active_count() == threads


def test_where_nobody_listens_every_request_failed() -> None:
    with deploy.requests_meanwhile(f"http://127.0.0.1:{ports.free_port()}", ["u"], 5) as answers:
        eventually(lambda: len(answers.rows) >= 2)
    assert set(answers.table()["status"]) == {0}
    assert "does not answer" in answers.table()["source"][0]
