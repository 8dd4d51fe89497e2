"""The clock of EventBridge's rules; that rules go by it is shown where they do something (tests/deploy)."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest


@pytest.mark.parametrize("at", ['"2020-01-01T00:00:00+00:00"', '"2100-01-01T00:00:00"', '"soon"', "7", "null"])
def test_a_moment_that_is_past_or_none_is_refused(embedded: Any, at: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{embedded.endpoint}/_recsys/clock", data=f'{{"at": {at}}}'.encode())
    assert refusal.value.code == 400
    assert "later than what the clock shows" in json.load(refusal.value)["error"]
