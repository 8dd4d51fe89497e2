"""Every operation there is, asked for something that is granted; the harness holds each answer against its shape."""

from collections.abc import Callable
from typing import Any

import pytest
from granted import GRANTED, MODELS, call
from world import World

LISTS = sorted(name for name in MODELS if ".list_" in name and "tags_for" not in name)


def test_the_table_of_requests_has_all_79_operations() -> None:
    assert len(MODELS) == 79
    assert set(GRANTED) == set(MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_operation_answers_what_its_output_shape_says(
    name: str, world: World, checked: Callable[[str], Any]
) -> None:
    answer = call(checked, name, GRANTED[name](world))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_the_same_in_pages_of_one(name: str, world: World, checked: Callable[[str], Any]) -> None:
    """Through boto3's paginator where it ships one, which it does for all lists but that of data deletion jobs."""
    client, method = checked("personalize"), name.split(".")[1]
    scope = {"metricAttributionArn": world.arns["MetricAttribution"]} if method.endswith("_metrics") else {}
    pages = _paginated if client.can_paginate(method) else _followed
    whole, single = (pages(client, method, scope, size) for size in (100, 1))
    assert whole
    assert _identities(whole) == _identities(single)


def _paginated(client: Any, method: str, scope: dict[str, str], size: int) -> list[dict[str, Any]]:
    answer = client.get_paginator(method).paginate(**scope, PaginationConfig={"PageSize": size}).build_full_result()
    return next(iter(answer.values()))


def _followed(client: Any, method: str, scope: dict[str, str], size: int) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = getattr(client, method)(**scope, **token, maxResults=size)
        entries += next(value for value in answer.values() if isinstance(value, list))
        if "nextToken" not in answer:
            return entries
        token = {"nextToken": answer["nextToken"]}


def _identities(entries: list[dict[str, Any]]) -> list[str]:
    return [next((v for k, v in entry.items() if k.endswith("Arn")), str(entry)) for entry in entries]
