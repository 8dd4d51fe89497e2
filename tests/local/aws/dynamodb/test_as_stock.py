"""What is read and measured quickly comes out as MiniStack itself has it."""

import copy
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.local.aws import host

DECIMALS = st.from_regex(r"-?[0-9]{1,4}\.?[0-9]{0,4}(e-?[0-9]{1,2})?", fullmatch=True)
NUMBERS = DECIMALS | st.sampled_from(
    ["0", "-1.50", "1700000000.123", "1e5", "1E-400", "12" * 30, "1e99999999999", "x", "", "1_0"]
)
BINARY = st.sampled_from(["", "aGVsbG8=", "no base64"])
TEXT = st.text(max_size=5)
LEAVES = (
    st.fixed_dictionaries({"S": TEXT})
    | st.fixed_dictionaries({"N": NUMBERS})
    | st.fixed_dictionaries({"B": BINARY})
    | st.fixed_dictionaries({"NS": st.lists(NUMBERS, max_size=3)})
    | st.sampled_from([{"BOOL": True}, {"NULL": True}, {"SS": ["a", "ö"]}, {}, {"S": "a", "N": "1"}, {"N": 1}, "text"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"M": st.dictionaries(TEXT, inner, max_size=3)})
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """MiniStack's DynamoDB as it comes."""
    before = dict(os.environ)
    host.prepare("127.0.0.1", 4566, tmp_path_factory.mktemp("state"))
    from ministack.services import dynamodb

    yield dynamodb
    os.environ.clear()
    os.environ.update(before)
    if sys.modules.get("docker", sys) is None:
        del sys.modules["docker"]


@settings(max_examples=200, deadline=None)
@given(value=VALUES)
def test_values_are_measured_and_refused_as_by_ministack_itself(stock: Any, value: Any) -> None:
    from recsys.local.aws.dynamodb import items, partiql

    size = items.sizes(stock._attribute_value_size)
    error = partiql.checked(stock._partiql_parameter_error)
    assert size(value) == stock._attribute_value_size(value)
    assert error(value) == stock._partiql_parameter_error(value)


def test_a_parameter_too_deep_is_refused(stock: Any) -> None:
    from recsys.local.aws.dynamodb import partiql

    error = partiql.checked(stock._partiql_parameter_error)
    value: Any = {"S": "x"}
    for _ in range(40):
        value = {"L": [value]}
        assert error(value) == stock._partiql_parameter_error(value)
    assert error(value)


STATEMENTS = (
    ("UPDATE t SET a=? SET b=? WHERE id=? AND c=?", [{"N": "1"}, {"L": []}, {"S": "x"}, {"N": "2"}]),
    ("UPDATE t SET a=a+? SET b={'k': [?, 1]} REMOVE c[0] WHERE id=?", [{"N": "1"}, {"S": "v"}, {"S": "x"}]),
    ("INSERT INTO t VALUE {'id': ?, 'tags': <<?, 'b'>>}", [{"S": "x"}, {"S": "a"}]),
    ("SELECT * FROM t WHERE id IN [?, ?] AND a BETWEEN ? AND ?", [{"S": "x"}, {"S": "y"}, {"N": "1"}, {"N": "3"}]),
    ("DELETE FROM t WHERE id=? AND begins_with(a, ?)", [{"S": "x"}, {"S": "b"}]),
)


@pytest.mark.parametrize(("text", "parameters"), STATEMENTS)
def test_a_statement_read_before_means_the_same_with_its_own_parameters(
    stock: Any, text: str, parameters: list[Any]
) -> None:
    from recsys.local.aws.dynamodb import partiql

    parse = partiql.by_form(stock.parse_partiql_statement)
    others = [json.loads(json.dumps(each).replace('"x"', '"z"').replace('"1"', '"7"')) for each in parameters]
    for given_now in (others, parameters, others):
        assert parse(text, given_now) == stock.parse_partiql_statement(text, given_now)


def test_a_statement_read_before_is_refused_for_parameters_of_another_type_or_number(stock: Any) -> None:
    from recsys.local.aws.dynamodb import partiql

    parse, text = partiql.by_form(stock.parse_partiql_statement), "SELECT * FROM t WHERE a > ?"
    parse(text, [{"N": "1"}])
    for wrong in ([{"BOOL": True}], [], None):
        with pytest.raises(ValueError) as ours:
            parse(text, wrong)
        with pytest.raises(ValueError) as theirs:
            stock.parse_partiql_statement(text, wrong)
        assert str(ours.value) == str(theirs.value)


PROJECTIONS = ("id, list", "list[1]", "map.a, id", " id ,", "#n", "id, id", "map, map.a", "size")


@pytest.mark.parametrize("expression", PROJECTIONS)
def test_a_projection_leaves_what_it_leaves_with_ministack_itself(stock: Any, expression: str) -> None:
    from recsys.local.aws.dynamodb import items

    item = {"id": {"S": "x"}, "list": {"L": [{"N": "1"}, {"N": "2"}]}, "map": {"M": {"a": {"S": "y"}}}}

    def outcome(project: Any) -> Any:
        try:
            return project(item, expression, {"#n": "map"})
        except ValueError as error:
            return str(error)

    assert outcome(items.projected(stock._project_item)) == outcome(stock._project_item)


def test_updates_that_share_what_they_leave_alone_change_no_copy_but_dynamodb_s(
    stock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recsys.local.aws.dynamodb import items, partiql

    for name in ("_partiql_parameter_error", "parse_partiql_statement", "_parse_partiql", "_partiql_update"):
        monkeypatch.setattr(stock, name, getattr(stock, name))
    monkeypatch.setattr(items.copying, "deepcopy", items.copying.deepcopy)
    before = copy.deepcopy
    try:
        partiql.install()  # alone, before `items` has given DynamoDB a `copy` of its own
        assert copy.deepcopy is before
    finally:
        copy.deepcopy = before
