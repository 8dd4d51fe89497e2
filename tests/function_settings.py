"""A deployed function with other environment variables for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

NOWHERE = "http://127.0.0.1:9"


@contextmanager
def settings(client: Callable[[str], Any], function: str, **variables: str) -> Iterator[None]:
    """A function with other environment variables."""
    before = client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    changed = {"Variables": before | variables}
    client("lambda").update_function_configuration(FunctionName=function, Environment=changed)
    try:
        yield
    finally:
        client("lambda").update_function_configuration(FunctionName=function, Environment={"Variables": before})
