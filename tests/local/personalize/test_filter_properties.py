"""Any filter equals a slow reading of the raw rows; any text is an expression or is refused at a column."""

import operator
import re
import tempfile
from collections.abc import Callable
from typing import Any

import filter_worlds as drawn
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filter_worlds import FIELDS, GROUP, KEYS, TYPES, Condition, Row, World
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsys.local.personalize.filters import Candidates, Scene, Table, allowed, by_type, check_filter
from recsys.local.personalize.filters.masks import parse_values
from recsys.local.shared.errors import ServiceError

quick = settings(max_examples=200, derandomize=True, deadline=None)
LATEST = 2
ARROW = {"CATEGORY": pa.string(), "BRAND": pa.string(), "PRICE": pa.float64(), "STOCK": pa.int64()}
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
POINTER = re.compile(r"Could not create filter\. Invalid Expression: .* at column (\d+), near .*\.", re.DOTALL)
REFUSED = "InvalidInputException"


# The engine


def table_of(kind: str, bulk: dict[str, Row]) -> Table:
    """A table as an import leaves it."""
    columns = {name: pa.array([row[name] for row in bulk.values()], type_) for name, type_ in ARROW.items()}
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        pq.write_table(pa.table({KEYS[kind]: pa.array(list(bulk), pa.string()), **columns}), file.name)
        return Table(KEYS[kind], GROUP[kind], file.name)


def quickly(world: World, candidates: Candidates) -> set[str] | str:
    """The candidates that the engine lets through, or the code of its refusal."""
    places, types = np.array(world.events, np.intp).reshape(-1, 2).T
    users = Table("USER_ID", GROUP["Users"], records={"me": world.user} if world.user else {})
    scene = Scene(users, "me", world.item, lambda: by_type(places, types, TYPES, LATEST))
    try:
        mask = allowed(check_filter(world.text, GROUP), world.values, candidates, scene)
    except ServiceError as error:
        return error.code
    return {each for each, through in zip(world.candidates, mask, strict=True) if through}


# The slow reading


def slowly(world: World, rows: dict[str, Row]) -> set[str] | str:
    included: set[str] = set()
    excluded: set[str] = set()
    took_part = []
    for each in world.filter:
        conditions = [condition for group in [*each.groups, each.when] for condition in group]
        asked = {value[1] for condition in conditions for value in condition.values if is_(value, "param")}
        if asked - set(world.values):
            if each.include:
                return REFUSED
            continue
        if not all(is_true(condition, world.user or {}, world, rows) for condition in each.when):
            continue
        took_part.append(each.include)
        for place, name in enumerate(world.candidates):
            row = {**rows.get(name, {}), "EVENT_TYPE": types_of(place, world)}
            if any(all(is_true(condition, row, world, rows) for condition in group) for group in each.groups):
                (included if each.include else excluded).add(name)
    return (included if any(took_part) else set(world.candidates)) - excluded


def is_(value: Any, kind: str) -> bool:
    return isinstance(value, tuple) and value[0] == kind


def types_of(place: int, world: World) -> set[str]:
    """The event types of the candidate, among the latest of each type."""
    found: dict[str, list[int]] = {}
    for where, type_ in world.events:
        found.setdefault((TYPES[type_] or "").lower(), []).append(where)
    return {type_ for type_, places in found.items() if place in places[-LATEST:]}


def is_true(condition: Condition, row: Row, world: World, rows: dict[str, Row]) -> bool:
    wanted = []
    for value in condition.values:
        if is_(value, "param"):
            wanted += world.params[value[1]]
        elif is_(value, "current"):
            wanted += parts_of(value[1], rows.get(world.item, {}).get(value[1]))
        else:
            wanted.append(value)
    left = row.get(condition.field)
    negated = condition.op in ("NOT IN", "!=")
    if condition.field == "EVENT_TYPE":
        lower = [value.lower() for value in wanted]
        return any((type_ in lower or "*" in lower) != negated for type_ in left)
    if condition.op in COMPARE:
        return left is not None and bool(wanted) and COMPARE[condition.op](left, wanted[0])
    return any(part in wanted for part in parts_of(condition.field, left)) != negated


def parts_of(field: str, value: Any) -> list[Any]:
    return [] if value is None else value.split("|") if FIELDS[field].categorical else [value]


# The properties


@quick
@given(drawn.worlds())
def test_a_mask_equals_a_slow_reading_before_and_after_rows_are_put(world: World) -> None:
    table = table_of(world.kind, world.bulk)
    candidates = Candidates(table, {name: place for place, name in enumerate(world.candidates)})
    assert quickly(world, candidates) == slowly(world, world.bulk)
    for name, row in world.puts:
        table.put(name, row)
    assert quickly(world, candidates) == slowly(world, world.bulk | dict(world.puts))


@quick
@given(st.dictionaries(drawn.ids, drawn.rows), st.lists(st.tuples(drawn.ids, drawn.rows)))
def test_a_row_reads_the_same_wherever_it_came_from(bulk: dict[str, Row], puts: list[tuple[str, Row]]) -> None:
    table = table_of("Items", bulk)
    for name, row in puts:
        table.put(name, row)
    rows = bulk | dict(puts)
    assert {name: {field: table.value(name, field.lower()) for field in FIELDS} for name in rows} == rows
    assert table.ids[1:] == list(rows)


WORDS = (
    "INCLUDE",
    "ItemID",
    "UserID",
    "WHERE",
    "Items.PRICE",
    "Items.CATEGORY",
    "Interactions.EVENT_TYPE",
    "IN",
    "NOT",
)
MORE = (
    "AND",
    "OR",
    "IF",
    "CurrentUser.STOCK",
    "CurrentItem.PRICE",
    '"a"',
    "'b'",
    "3",
    "1e999",
    "٣",
    "$P",
    "é",
    "\ud800",
)
tokens = st.sampled_from([*WORDS, *MORE, *'()*=<.,|\\"$-\n\x00', "'"])
spoiled = st.builds(
    lambda expression, place, text: expression.text[:place] + text + expression.text[place + 1 :],
    drawn.expressions("Items"),
    st.integers(0, 100),
    st.text(max_size=2),
)


@quick
@given(st.text(max_size=60) | st.lists(tokens, max_size=30).map(" ".join) | spoiled)
@example('INCLUDE ItemID WHERE Items.CATEGORY IN ("' + "\\" * 2460)
@example("INCLUDE ItemID WHERE Items.CATEGORY IN (" + "(" * 2460)
@example("INCLUDE ItemID WHERE Items.CATEGORY IN (" + '"a",' * 600 + '"a')
@example("|".join(['EXCLUDE ItemID WHERE Items.CATEGORY = "a"'] * 60) + "|")
def test_any_text_is_a_filter_or_refused_at_its_column(text: str) -> None:
    refusal = refused(lambda: check_filter(text, GROUP))
    if refusal and "Placeholders are not allowed with NOT_IN" not in refusal:
        assert 1 <= int(POINTER.fullmatch(refusal)[1]) <= len(text) + 1


@quick
@given(st.text(max_size=20) | st.lists(tokens, max_size=8).map(",".join))
def test_any_filter_value_is_read_or_refused(text: str) -> None:
    refusal = refused(lambda: parse_values("P", text))
    assert refusal is None or refusal.startswith("Invalid filter value for placeholder P: ")


def refused(call: Callable[[], Any]) -> str | None:
    """The message of a refusal; None where there is none."""
    try:
        call()
    except ServiceError as error:
        assert error.code == REFUSED
        return error.message
    return None
