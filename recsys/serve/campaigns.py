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

    Created if it is not there; updated if it serves another version, which goes on serving until the new one is live.
    `metadata` lets answers carry item columns, such as the title.
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
    elif describe(arn)["solutionVersionArn"] != solution_version_arn:
        aws.wait(f"campaign {name}", lambda: describe(arn), **wait)
        aws.call(personalize.update_campaign, campaignArn=arn, **request)
        aws.wait(f"campaign {name} taking its new version", lambda: _update(arn, solution_version_arn), **wait)
    description = aws.wait(f"campaign {name}", lambda: describe(arn), **wait)
    return {**description, "seconds": round(time.monotonic() - started, 2)}


def remove_campaign(arn: str, **wait: Any) -> None:
    """Delete a campaign and wait until it is gone; one that is not there is gone already. `wait` is for aws.gone."""
    personalize = aws.client("personalize")
    if aws.find(personalize.describe_campaign, campaignArn=arn):
        aws.call(personalize.delete_campaign, campaignArn=arn)
    aws.gone(arn, lambda: aws.find(personalize.describe_campaign, campaignArn=arn), **wait)


def describe(arn: str) -> dict[str, Any]:
    """What Personalize says of a campaign."""
    return aws.call(aws.client("personalize").describe_campaign, campaignArn=arn)["campaign"]


def _update(arn: str, version_arn: str) -> dict[str, Any]:
    """The update's progress, as a description with a status: the campaign itself stays ACTIVE meanwhile."""
    campaign = describe(arn)
    if campaign["solutionVersionArn"] == version_arn:
        return campaign
    update = campaign.get("latestCampaignUpdate", {})
    return {**update, "status": update.get("status", "UPDATE PENDING").replace("ACTIVE", "UPDATE IN_PROGRESS")}
