"""What a save reads, and what it remembers of it for the next one."""

import weakref

import pytest
from ministack import app
from ministack.core.responses import AccountRegionScopedDict

from recsys.local.aws.state import capture


class Part(dict):
    """A dict that can be looked after."""


def table():
    return {"TableArn": "arn", "items": Part(a=1)}


def group():
    return {"arn": "arn", "streams": {"a": Part(events=[], lastIngestionTime=None)}}


@pytest.mark.parametrize(
    ("service", "store", "made", "part"),
    [
        ("dynamodb", "tables", table, lambda entry: entry["items"]),
        ("cloudwatch_logs", "log_groups", group, lambda entry: entry["streams"]["a"]),
    ],
)
def test_what_is_deleted_is_not_kept_in_memory(service, store, made, part):
    app._get_module(service)  # as its first request does
    entries = AccountRegionScopedDict()
    entries["one"] = made()
    capture.blocks_of(service, lambda: {store: entries})
    looked_after = weakref.ref(part(entries["one"]))
    del entries["one"]
    capture.blocks_of(service, lambda: {store: entries})
    assert looked_after() is None
