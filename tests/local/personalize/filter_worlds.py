"""Random datasets, requests and filters for the property tests, each filter with its meaning and its text.

Meaning is plain data, so that a test can judge it row by row without the engine.
"""

import re
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from recsys.local.personalize.schemas import Field

Row = dict[str, Any]

KEYS = {"Items": "ITEM_ID", "Users": "USER_ID", "Actions": "ACTION_ID"}
TARGETS = {"Items": "ItemID", "Users": "UserID", "Actions": "ActionID"}
EVENTS = {"Items": "Interactions", "Users": "Interactions", "Actions": "Action_Interactions"}
FIELDS = {
    "CATEGORY": Field("CATEGORY", ("null", "string"), categorical=True),
    "BRAND": Field("BRAND", ("string", "null")),
    "PRICE": Field("PRICE", ("null", "float")),
    "STOCK": Field("STOCK", ("long", "null")),
}
GROUP = {kind: {key: Field(key, ("string",)), **FIELDS} for kind, key in KEYS.items()}
TYPES = ("view", "View", "purchase", None)  # of the events; case does not count, and some have none

common = st.sampled_from(["a", "b", "A", 'q"u\\', "it's", "größe", " "])
words = st.one_of(common, common, common, st.text(max_size=3)).filter(lambda text: text != "*")
numbers = st.sampled_from([0, 1, 2, -1]) | st.integers(-(10**6), 10**6)
decimals = numbers | st.sampled_from([0.5, 1.25, 1e-7, -2.5e9])
kinds_of_event = st.sampled_from(["VIEW", "purchase", "buy", "*"])
ids = st.integers(0, 8).map("n{}".format)
rows = st.fixed_dictionaries(
    {
        "CATEGORY": st.none() | st.lists(words, min_size=1, max_size=3).map("|".join),
        "BRAND": st.none() | words | st.just("a|b"),
        "PRICE": st.none() | decimals.map(float),
        "STOCK": st.none() | numbers,
    }
)


@dataclass
class Condition:
    """values: texts and numbers, or ("param", NAME), or ("current", FIELD)."""

    dataset: str
    field: str
    op: str
    values: list[Any]
    text: str


@dataclass
class Expression:
    """Any of the groups, each of them conditions that all hold."""

    include: bool
    groups: list[list[Condition]]
    when: list[Condition]
    text: str


@dataclass
class World:
    """A dataset in bulk and the rows put since, the candidates, who asks, and a filter.

    events: (place of the candidate, index into TYPES), oldest first. params: what each placeholder means; values: those
    that the request gives, as it gives them.
    """

    kind: str
    bulk: dict[str, Row]
    puts: list[tuple[str, Row]]
    candidates: list[str]
    events: list[tuple[int, int]]
    user: Row | None
    item: str
    params: dict[str, list[Any]]
    values: dict[str, str]
    filter: list[Expression]

    @property
    def text(self) -> str:
        return "|".join(expression.text for expression in self.filter)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    kind = draw(st.sampled_from(list(KEYS)))
    params, values = draw(placeholders())
    candidates = draw(st.lists(ids, unique=True, min_size=4))
    event = st.tuples(st.integers(-1, len(candidates) - 1), st.integers(0, len(TYPES) - 1))
    return World(
        kind=kind,
        bulk=draw(st.dictionaries(ids, rows, min_size=4)),
        puts=draw(st.lists(st.tuples(ids, rows), max_size=6)),
        candidates=candidates,
        events=draw(st.lists(event, min_size=4, max_size=12)),
        user=draw(st.none() | rows),
        item=draw(ids),
        params=params,
        values=values,
        filter=draw(st.lists(expressions(kind), min_size=1, max_size=3)),
    )


@st.composite
def placeholders(draw: st.DrawFn) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """One and several texts, numbers and event types; a request gives most of them."""
    params = {}
    for name, value in {"TEXT": words, "NUMBER": decimals, "EVENT": kinds_of_event}.items():
        params[name] = [draw(value)]
        params[f"{name}S"] = draw(st.lists(value, max_size=3))
    given = {name: ",".join(draw(written(value)) for value in found) for name, found in params.items()}
    left_out = draw(st.sets(st.sampled_from(list(params)), max_size=1))
    return params, {name: text for name, text in given.items() if name not in left_out}


@st.composite
def expressions(draw: st.DrawFn, kind: str) -> Expression:
    dataset = draw(st.sampled_from([kind, kind, EVENTS[kind]]))
    groups = draw(st.lists(st.lists(conditions(dataset), min_size=1, max_size=3), min_size=1, max_size=3))
    when = [] if kind == "Users" else draw(st.lists(conditions("CurrentUser"), max_size=2))
    include = draw(st.booleans())
    where = " OR ".join(" AND ".join(condition.text for condition in group) for group in groups)
    text = f"{'INCLUDE' if include else 'EXCLUDE'} {TARGETS[kind]} WHERE {where}"
    if when:
        text += " IF " + " AND ".join(condition.text for condition in when)
    return Expression(include, groups, when, text)


@st.composite
def conditions(draw: st.DrawFn, dataset: str) -> Condition:
    events = dataset in EVENTS.values()
    name = "EVENT_TYPE" if events else draw(st.sampled_from(list(FIELDS)))
    numeric = not events and FIELDS[name].numeric
    ops = ["IN", "NOT IN", "=", "!="]
    op = draw(st.sampled_from([*ops, "<", "<=", ">", ">="] if numeric else ops))
    listed = op in ("IN", "NOT IN")
    value = kinds_of_event if events else decimals if numeric else words
    if op != "NOT IN":
        param = "EVENT" if events else "NUMBER" if numeric else "TEXT"
        value |= st.sampled_from([("param", param), ("param", f"{param}S" if op == "IN" else param)])
    if dataset == "Items":
        value |= st.sampled_from([("current", other) for other, field in FIELDS.items() if field.numeric == numeric])
    values = draw(st.lists(value, min_size=1, max_size=3 if listed else 1))
    texts = [draw(written(value)) for value in values]
    bare = not listed or (len(values) == 1 and texts[0].lower().startswith("currentitem."))
    right = texts[0] if bare and draw(st.booleans()) else f"({', '.join(texts)})"
    return Condition(dataset, name, op, values, f"{draw(cased(f'{dataset}.{name} {op}'))} {right}")


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as an expression or a request writes it."""
    if isinstance(value, tuple):
        return f"${value[1]}" if value[0] == "param" else draw(cased(f"CurrentItem.{value[1]}"))
    if not isinstance(value, str):
        return repr(value)
    quote = draw(st.sampled_from("\"'"))
    return quote + re.sub(rf"[\\{quote}]", r"\\\g<0>", value) + quote


def cased(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, text.lower(), text.upper(), text.swapcase()])
