"""How old the model is that the campaign serves: what an alarm watches, whoever trains anew and whenever."""

from datetime import UTC, datetime
from typing import Any


def age_days(personalize: Any, campaign_arn: str) -> float:
    """Days since the training of the version the campaign serves began.

    Raises ClientError or BotoCoreError where Personalize does not say.
    """
    campaign = personalize.describe_campaign(campaignArn=campaign_arn)["campaign"]
    version = personalize.describe_solution_version(solutionVersionArn=campaign["solutionVersionArn"])
    begun = version["solutionVersion"]["creationDateTime"]
    return (datetime.now(UTC) - begun).total_seconds() / 86400
