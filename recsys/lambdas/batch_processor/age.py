"""How old the model is that serves: what an alarm watches, whoever trains anew and whenever."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

BESIDE = ("SIMILAR_ITEMS_CAMPAIGN_ARN", "RANKING_CAMPAIGN_ARN")  # campaigns that the API asks besides, where there are


def of_campaign(personalize: Any, campaign_arn: str) -> float:
    """Days since the training began of the version that the campaign, or another of the API's, serves: the oldest.

    Raises ClientError or BotoCoreError where Personalize does not say it of the campaign itself. Another that is not
    there serves nothing, and rings an alarm of the API's.
    """
    days = [_of_one(personalize, campaign_arn)]
    for arn in filter(None, map(os.environ.get, BESIDE)):
        with suppress(ClientError, BotoCoreError):
            days.append(_of_one(personalize, arn))
    return max(days)


def _of_one(personalize: Any, campaign_arn: str) -> float:
    campaign = personalize.describe_campaign(campaignArn=campaign_arn)["campaign"]
    version = personalize.describe_solution_version(solutionVersionArn=campaign["solutionVersionArn"])
    return _days(version["solutionVersion"]["creationDateTime"])


def of_endpoint(sagemaker: Any, endpoint: str) -> float:
    """Days since the youngest of the models behind the endpoint was made, which is when its training had ended.

    Not since the endpoint was changed: other instances or weights make its model no younger. Raises ClientError or
    BotoCoreError where SageMaker does not say.
    """
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    models = {variant["ModelName"] for variant in variants}
    return _days(max(sagemaker.describe_model(ModelName=model)["CreationTime"] for model in models))


def _days(since: datetime) -> float:
    return (datetime.now(UTC) - since).total_seconds() / 86400
