"""Campaigns: one per solution, switched to a new version without an interruption."""

import time
from typing import Any

from recsys import aws


def ensure_campaign(
    name: str,
    solution_version_arn: str,
    min_provisioned_tps: int,
    tags: dict[str, str],
    *,
    metadata: bool = False,
    **wait: Any,
) -> dict[str, Any]:
    """The campaign of that name, serving that version; returns its description with `seconds` added.

    Created if it is not there; updated where it serves another version, at another size or with other answers, and goes
    on serving so until the update is live. `metadata` lets answers carry item columns, such as the title.
    """
    personalize, started = aws.client("personalize"), time.monotonic()
    request: dict[str, Any] = {
        "solutionVersionArn": solution_version_arn,
        "minProvisionedTPS": min_provisioned_tps,
        "campaignConfig": {"enableMetadataWithRecommendations": metadata},
    }
    campaigns = aws.pages("personalize", "list_campaigns", "campaigns")
    arn = next((entry["campaignArn"] for entry in campaigns if entry["name"] == name), None)
    if arn is None:
        arn = aws.call(personalize.create_campaign, name=name, tags=aws.tags(tags), **request)["campaignArn"]
    elif not _is(describe(arn), request):
        aws.wait(f"campaign {name}", lambda: describe(arn), **wait)
        aws.call(personalize.update_campaign, campaignArn=arn, **request)
        aws.wait(f"campaign {name} being updated", lambda: _update(arn, request), **wait)
    description = aws.wait(f"campaign {name}", lambda: describe(arn), **wait)
    return {**description, "seconds": round(time.monotonic() - started, 2)}


def remove_campaign(arn: str | None, **wait: Any) -> None:
    """Delete a campaign and wait until it is gone; one that is not there, or None, is already.

    `wait` is as for `aws.wait_until_gone`.
    """
    if arn is None:
        return
    personalize = aws.client("personalize")
    if aws.find(personalize.describe_campaign, campaignArn=arn):
        aws.call(personalize.delete_campaign, campaignArn=arn)
    aws.wait_until_gone(arn, lambda: aws.find(personalize.describe_campaign, campaignArn=arn), **wait)


def describe(arn: str) -> dict[str, Any]:
    """What Personalize says of a campaign."""
    return aws.call(aws.client("personalize").describe_campaign, campaignArn=arn)["campaign"]


def _update(arn: str, request: dict[str, Any]) -> dict[str, Any]:
    """The update's progress, as a description with a status: the campaign itself stays ACTIVE meanwhile."""
    campaign = describe(arn)
    update = campaign.get("latestCampaignUpdate", {})
    if not _is(update, request):
        return {"status": "UPDATE PENDING"}
    return (
        update if _is(campaign, request) else {**update, "status": update["status"].replace("ACTIVE", "NOT LIVE YET")}
    )


def _is(described: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether a campaign, or its update, is as requested; what the request leaves to Personalize does not count."""
    config = described.get("campaignConfig", {})
    same = all(described.get(name) == request[name] for name in ("solutionVersionArn", "minProvisionedTPS"))
    return same and all(config.get(name, False) == value for name, value in request["campaignConfig"].items())
