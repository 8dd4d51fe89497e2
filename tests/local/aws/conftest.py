"""A stream pipeline for a test, removed at its end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stream_pipeline import Pipeline, build


@pytest.fixture
def pipeline(client: Callable[[str], Any], request: pytest.FixtureRequest) -> Iterator[Callable[..., Pipeline]]:
    """`pipeline(shards=4, BatchSize=100)`: builds one, named after the test; removed at its end."""
    made: list[Pipeline] = []

    def make(**options: Any) -> Pipeline:
        made.append(build(client, f"{request.node.name[:50]}-{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        try:
            one.delete()
        except ClientError as error:
            pytest.fail(str(error))
