"""The filter that leaves out what a user has bought, whatever a shop calls that."""

from collections.abc import Iterator
from typing import Any

import pytest
from personalize_shop import INTERACTIONS, add_dataset, open_shop

from recsys import aws, serve


@pytest.fixture
def group(client: Any) -> Iterator[str]:
    aws.client.cache_clear()
    shop = open_shop(client)
    add_dataset(shop, "Interactions", INTERACTIONS)
    yield shop.group
    aws.client.cache_clear()


def test_a_filter_follows_the_event_types_that_mean_bought(group: str, client: Any) -> None:
    describe = client("personalize").describe_filter
    for events in (["purchase"], ["order", "gift"]):
        arn = serve.ensure_filter(group, "bought", serve.excluding(events), {})
        found = describe(filterArn=arn)["filter"]
        assert (found["status"], found["filterExpression"]) == ("ACTIVE", serve.excluding(events))
    made = found["creationDateTime"]
    again = serve.ensure_filter(group, "bought", serve.excluding(["order", "gift"]), {})
    assert describe(filterArn=again)["filter"]["creationDateTime"] == made
