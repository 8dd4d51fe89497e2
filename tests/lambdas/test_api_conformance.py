"""The deployed API against its own document, by requests nobody thought of.

Two rounds, each of ten right and ten wrong requests a route; RECSYS_CONFORMANCE_SECONDS=120 asks for two minutes.
"""

import contextlib
import itertools
import os
import time
from collections import Counter
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (the dev dependency group)")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402
from schemathesis import checks  # noqa: E402
from schemathesis.specs.openapi import checks as openapi_checks  # noqa: E402

ROUNDS, SECONDS = 2, float(os.environ.get("RECSYS_CONFORMANCE_SECONDS", "0"))  # at least
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


def test_no_request_fails_the_server_or_gets_an_undocumented_answer(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema.config.update(base_url=url)
    operations = [result.ok() for result in schema.get_all_operations()]
    begun, statuses = time.monotonic(), Counter()
    for count in itertools.count(1):
        for operation, mode in itertools.product(operations, schemathesis.GenerationMode):
            statuses += asked(operation, mode)
        if count >= ROUNDS and time.monotonic() - begun >= SECONDS:
            break
    seconds = time.monotonic() - begun
    print(f"\n{sum(statuses.values())} requests in {seconds:.0f} s: {dict(sorted(statuses.items()))}")
    assert statuses[200] and statuses[400]


def asked(operation: Any, mode: Any) -> Counter:
    """Statuses of the answers to a handful of requests, right or wrong ones by the mode, each checked."""
    statuses: Counter = Counter()

    @settings(max_examples=10, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=HealthCheck)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call()
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    with contextlib.suppress(Unsatisfiable):  # a route that takes nothing cannot be asked wrongly
        ask()
    return statuses
