"""Filters: which items an answer may hold."""

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from recsys import aws
from recsys.columns import CATEGORY, IN_STOCK, PRICE
from recsys.errors import Refused

MOST = 10  # filters of a dataset group, unless AWS was asked for more
TOO_MANY = "LimitExceededException"
EXCLUDES = "exclude-purchased"  # in the name of a filter: the API's word for it
# What the API can be asked for, by the column it is about: name, condition, placeholders.
CONDITIONS = {
    CATEGORY: ("category", "Items.CATEGORY IN ($category)", ["category"]),
    PRICE: ("price", "Items.PRICE >= $minPrice AND Items.PRICE <= $maxPrice", ["minPrice", "maxPrice"]),
    IN_STOCK: ("in-stock", "Items.IN_STOCK IN ($inStock)", ["inStock"]),
}

Offered = dict[str, dict[str, Any]]


def excluding(events: Sequence[str]) -> str:
    """The expression that leaves out what a user has an event of one of these types with.

    >>> excluding(["purchase"])
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
    """
    named = ", ".join(f'"{event}"' for event in events)
    return f"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ({named})"


def offer_filters(
    group_arn: str,
    seen_arn: str,
    named: Callable[[str], str],
    purchase_events: Sequence[str],
    tags: dict[str, str],
    columns: Sequence[str] | None = None,
    **wait: Any,
) -> Offered:
    """Filters for what the API can be asked for: the name it knows each by -> {"arn": ..., "values": [placeholders]}.

    By category, by price and by what is in stock, where the items have such columns; several of these together; and
    each without what the user has bought, for which alone `seen_arn` is there. Those that stand already stay, and as
    many more are made as the dataset group may have, those of the fewest conditions first. `named` gives a filter's
    name in Personalize, `columns` are the items', those of the group's dataset where they are not given.
    """
    wanted = combined(item_columns(group_arn) if columns is None else columns, purchase_events)
    there = {entry["name"] for entry in aws.pages("personalize", "list_filters", "Filters", datasetGroupArn=group_arn)}
    new = [name for name in wanted if named(name) not in there][: max(0, MOST - len(there))]
    kept = [(name, *told) for name, told in wanted.items() if name in new or named(name) in there]
    begun: dict[str, str] = {}
    for name, expression, _ in kept:
        try:
            begun[name] = begin_filter(group_arn, named(name), expression, tags, **wait)
        except Refused as error:
            if error.code != TOO_MANY:
                raise
            _await(begun, **wait)  # there is also a limit of those that are being made
            begun[name] = begin_filter(group_arn, named(name), expression, tags, **wait)
    _await(begun, **wait)
    seen: Offered = {EXCLUDES: {"arn": seen_arn, "values": []}}
    return seen | {name: {"arn": begun[name], "values": values} for name, _, values in kept}


def combined(columns: Sequence[str], purchase_events: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Name -> expression and placeholders of each filter over these columns, those of the fewest conditions first.

    >>> list(combined(["PRICE"], ["purchase"]))
    ['price', 'price-exclude-purchased']
    """
    parts = [CONDITIONS[column] for column in CONDITIONS if column in columns]
    parts.append((EXCLUDES, excluding(purchase_events), []))
    found = {}
    for together in (each for count in range(1, len(parts) + 1) for each in combinations(parts, count)):
        include = " AND ".join(condition for _, condition, values in together if values)
        if include:
            clauses = [f"INCLUDE ItemID WHERE {include}", *(clause for _, clause, values in together if not values)]
            placeholders = [value for _, _, values in together for value in values]
            found["-".join(name for name, _, _ in together)] = " | ".join(clauses), placeholders
    return found


def item_columns(group_arn: str) -> list[str]:
    """The columns of the group's items, as their schema names them; none without such a dataset."""
    personalize = aws.client("personalize")
    for entry in aws.pages("personalize", "list_datasets", "datasets", datasetGroupArn=group_arn):
        if entry["datasetType"].lower() == "items":
            dataset = aws.call(personalize.describe_dataset, datasetArn=entry["datasetArn"])["dataset"]
            schema = aws.call(personalize.describe_schema, schemaArn=dataset["schemaArn"])["schema"]["schema"]
            return [field["name"] for field in json.loads(schema)["fields"]]
    return []


def ensure_filter(group_arn: str, name: str, expression: str, tags: dict[str, str], **wait: Any) -> str:
    """The ARN of the group's filter of that name, ACTIVE; one with another expression is deleted and made anew.

    The expression is in Personalize's filter language, such as `excluding` gives it. Raises Refused with the service's
    message when it does not parse.
    """
    arn = begin_filter(group_arn, name, expression, tags, **wait)
    aws.wait(f"filter {name}", lambda: _describe(arn), **wait)
    return arn


def begin_filter(group_arn: str, name: str, expression: str, tags: dict[str, str], **wait: Any) -> str:
    """As `ensure_filter`, but for that it may not be ACTIVE yet."""
    personalize = aws.client("personalize")
    filters = aws.pages("personalize", "list_filters", "Filters", datasetGroupArn=group_arn)
    arn = next((entry["filterArn"] for entry in filters if entry["name"] == name), None)
    if arn is not None and _describe(arn)["filterExpression"] != expression:
        aws.call(personalize.delete_filter, filterArn=arn)
        aws.wait_until_gone(f"filter {name}", lambda: aws.find(personalize.describe_filter, filterArn=arn), **wait)
        arn = None
    if arn is None:
        request = {"name": name, "datasetGroupArn": group_arn, "filterExpression": expression, "tags": aws.tags(tags)}
        arn = aws.call(personalize.create_filter, **request)["filterArn"]
    return arn


def _await(begun: dict[str, str], **wait: Any) -> None:
    for name, arn in begun.items():
        aws.wait(f"filter {name}", lambda arn=arn: _describe(arn), **wait)


def _describe(arn: str) -> dict[str, Any]:
    return aws.call(aws.client("personalize").describe_filter, filterArn=arn)["filter"]
