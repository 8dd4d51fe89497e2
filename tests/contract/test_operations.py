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
    """ListMetricAttributionMetrics and ListRecommenders have paginators too: boto3 ships one for every list."""
    service, method = name.split(".")
    client = checked(service)
    scope = {"metricAttributionArn": world.arns["MetricAttribution"]} if method.endswith("_metrics") else {}
    whole, single = (
        client.get_paginator(method).paginate(**scope, PaginationConfig={"PageSize": size}).build_full_result()
        for size in (100, 1)
    )
    (member,) = whole.keys()
    assert whole[member]
    assert _identities(whole[member]) == _identities(single[member])


def _identities(entries: list[dict[str, Any]]) -> list[str]:
    return [next((v for k, v in entry.items() if k.endswith("Arn")), str(entry)) for entry in entries]
