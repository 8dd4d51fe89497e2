"""Filters: which items an answer may hold."""

from collections.abc import Sequence
from typing import Any

from recsys import aws


def excluding(events: Sequence[str]) -> str:
    """The expression that leaves out what a user has an event of one of these types with.

    >>> excluding(["purchase"])
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
    """
    named = ", ".join(f'"{event}"' for event in events)
    return f"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ({named})"


def ensure_filter(group_arn: str, name: str, expression: str, tags: dict[str, str], **wait: Any) -> str:
    """The ARN of the group's filter of that name, ACTIVE; one with another expression is deleted and made anew.

    The expression is in Personalize's filter language, such as `excluding` gives it. Raises Refused with the service's
    message when it does not parse.
    """
    personalize = aws.client("personalize")
    filters = aws.pages("personalize", "list_filters", "Filters", datasetGroupArn=group_arn)
    arn = next((entry["filterArn"] for entry in filters if entry["name"] == name), None)
    if arn is not None and _describe(arn)["filterExpression"] != expression:
        aws.call(personalize.delete_filter, filterArn=arn)
        aws.wait_until_gone(f"filter {name}", lambda: aws.find(personalize.describe_filter, filterArn=arn), **wait)
        arn = None
    if arn is None:
        request = {"name": name, "datasetGroupArn": group_arn, "filterExpression": expression, "tags": aws.tags(tags)}
        arn = aws.call(personalize.create_filter, **request)["filterArn"]
    aws.wait(f"filter {name}", lambda: _describe(arn), **wait)
    return arn


def _describe(arn: str) -> dict[str, Any]:
    return aws.call(aws.client("personalize").describe_filter, filterArn=arn)["filter"]
