"""The loads that the Lambda functions are measured under."""

import base64
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import api, batch_endpoint, stream
from recsys.deploy import prices


def test_a_batch_has_as_many_records_and_users_as_asked_and_none_twice() -> None:
    batches = stream.made(100, 20)
    records = [record for _ in range(2) for record in next(batches)["Records"]]
    events = [json.loads(base64.b64decode(record["kinesis"]["data"])) for record in records]
    assert Counter(event["userId"] for event in events[:100]).most_common()[-1][1] == 5
    assert len({event["eventId"] for event in events}) == len({record["eventID"] for record in records}) == 200


def test_a_refusal_ends_the_measurement() -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        with pytest.raises(SystemExit, match="2 clients were let down, the first: 502"):
            api.load(f"http://127.0.0.1:{server.server_port}/{{user}}?n=1", 2, 0.5)
        server.shutdown()


def test_a_million_users_cost_a_campaign_their_number_and_an_endpoint_the_time_they_take() -> None:
    known = prices.load()
    asked, hosted = (batch_endpoint.million_users(7200, known, hour) for hour in (None, 0.1))
    assert (asked.pop("recommending"), hosted.pop("recommending")) == pytest.approx(
        (1000 * known.personalize.requests_1000, 0.2)
    )
    assert asked == hosted
