"""Event trackers and filters."""

import uuid
from typing import TYPE_CHECKING

from recsys.local.personalize.control.kinds.datasets import group_fields, hidden_dataset
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.errors import over_limit
from recsys.local.personalize.filters import check_filter, fields_used
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

MOST_FIELDS = 20  # distinct fields of all the filters of a group


def _tracker(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    document.update(trackingId=str(uuid.uuid4()), accountId=control.account)
    hidden_dataset(control, group)
    return {}


def _filter(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    fields = group_fields(control, group.arn)
    used = fields_used(check_filter(document["filterExpression"], fields))
    for other in control.store.find("Filter", datasetGroupArn=group.arn):
        used |= fields_used(check_filter(other.document["filterExpression"], fields))
    if len(used) > MOST_FIELDS:
        raise over_limit(f"The filters of {group.arn} would use {len(used)} fields; the most is {MOST_FIELDS}.")
    return {}


RULES = {"EventTracker": Rule(prepare=_tracker), "Filter": Rule(prepare=_filter)}
