"""Event trackers and filters."""

import uuid
from typing import TYPE_CHECKING

from recsys.local.personalize.control.kinds.datasets import group_fields, hidden_dataset
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.filters import check_filter

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control


def _tracker(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    document.update(trackingId=str(uuid.uuid4()), accountId=control.account)
    hidden_dataset(control, group)
    return {}


def _filter(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    check_filter(document["filterExpression"], group_fields(control, group.arn))
    return {}


RULES = {"EventTracker": Rule(prepare=_tracker), "Filter": Rule(prepare=_filter)}
