"""Any request at all gets an answer or a modelled error: never a 500, never a hang."""

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import personalize_shop as shops
import pytest
from botocore.model import Shape
from granted import MODELS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapes import modelled
from world import World

PATIENCE = 10.0  # seconds; an answer that takes longer counts as a hang
COMMON_ERRORS = {"SerializationException", "UnknownOperationException", "ValidationException"}  # of every AWS service
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def scrap(world: World, checked: Callable[[str], Any]) -> list[str]:
    """ARNs of resources that may be spoilt: requests that name something real get further."""
    shop = shops.stocked_shop(checked)
    version = shops.trained_version(shop, "aws-user-personalization")
    chosen = shops.add_filter(shop, "EXCLUDE ItemID WHERE Items.PRICE > $TOP")
    campaign, tracker = shops.deploy(shop, version), world.make("EventTracker", group=shop.group)
    tracking = world.describe("EventTracker", tracker)["trackingId"]
    solution = version.rpartition("/")[0]
    arns = [shop.group, *shop.datasets.values(), *shop.schemas.values(), version, solution, campaign, chosen, tracker]
    return [*arns, tracking, *(f"arn:aws:personalize:::recipe/aws-{name}" for name in ("sims", "trending-now"))]


def fitting(shape: Shape, known: list[str]) -> st.SearchStrategy[Any]:
    """Values that mostly fit a shape: now and then a member is missing, of another type or out of its range."""
    return st.one_of(*[_fitting(shape, known)] * 9, ANYTHING)


def _fitting(shape: Shape, known: list[str]) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    if kind == "structure":
        members = {name: fitting(member, known) for name, member in shape.members.items()}
        required = {name: members[name] for name in shape.required_members}
        return st.fixed_dictionaries(required, optional={n: m for n, m in members.items() if n not in required})
    if kind == "list":
        return st.lists(fitting(shape.member, known), max_size=3)
    if kind == "map":
        return st.dictionaries(_fitting(shape.key, known), fitting(shape.value, known), max_size=3)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.integers(-2, 60)
    if kind in ("float", "double", "timestamp"):
        return st.floats(-1, 2_000_000_000, allow_nan=False) | st.floats()
    return _text(shape, known)


def _text(shape: Shape, known: list[str]) -> st.SearchStrategy[str]:
    words = ["rate(7 days)", "u1", "i1", '{"price": 1}', "INCLUDE ItemID WHERE Items.PRICE < 3", shops.ITEMS, "naïve-ß"]
    places = ["s3://nowhere/x", "arn:aws:iam::000000000000:role/r", "0.5", "12", "view", "Interactions", "ITEMS"]
    enum = shape.metadata.get("enum") or known
    return st.sampled_from(enum) | st.sampled_from([*known, *words, *places]) | st.text(max_size=70)


@pytest.fixture(scope="module")
def send(embedded: Any) -> Callable[[str, Any], tuple[int, Any]]:
    """Post a body as it is to the operation `service.method`; status and answer."""
    host = urlsplit(embedded.endpoint).netloc

    def sent(name: str, body: Any) -> tuple[int, Any]:
        model = MODELS[name]
        path = model.http["requestUri"] if "-" in name.split(".")[0] else "/"
        headers = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/personalize/aws4_request",
            "X-Amz-Target": f"AmazonPersonalize.{model.name}",
        }
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
            connection.request("POST", path, data, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    return sent


@pytest.mark.parametrize("name", sorted(MODELS))
def test_any_request_gets_an_answer_or_a_modelled_error(name: str, scrap: list[str], send: Any) -> None:
    model = MODELS[name]

    @QUICK
    @given(fitting(model.input_shape, scrap))
    def holds(body: Any) -> None:
        status, answer = send(name, body)
        assert status < 500, (status, answer)
        if status >= 300:
            assert answer["__type"] in modelled(model) | COMMON_ERRORS, answer

    holds()


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(embedded: Any, send: Any, body: bytes) -> None:
    status, answer = send("personalize.list_schemas", body)
    assert status < 500
    assert status == 200 or answer["__type"] == "SerializationException"


def test_ten_megabytes_of_json_are_answered(embedded: Any, send: Any) -> None:
    body = {"name": "x" * 10_000_000, "schema": "{}"}
    status, answer = send("personalize.create_schema", body)
    assert (status, answer["__type"]) == (400, "InvalidInputException")
    assert len(answer["message"]) < 1_000


def test_json_a_hundred_thousand_levels_deep_is_answered(embedded: Any, send: Any) -> None:
    status, answer = send("personalize.create_schema", b"[" * 100_000)
    assert (status, answer["__type"]) == (400, "SerializationException")
