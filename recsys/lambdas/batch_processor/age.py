"""How old the oldest model is that serves: what an alarm watches, whoever trains anew and whenever."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

CAMPAIGNS = ("CAMPAIGN_ARN", "SIMILAR_ITEMS_CAMPAIGN_ARN", "RANKING_CAMPAIGN_ARN")
MISSING = "ResourceNotFoundException"

logger = Logger()


def oldest(client: Callable[[str], Any]) -> float | None:
    """Days since the oldest model was made of the endpoint and the campaigns that the environment names.

    `client` makes a service's. A campaign that is not there serves nothing, and rings an alarm of the API's; what else
    does not tell its age is in the log. None where nothing tells.
    """
    ages = [_told(of_campaign, client("personalize"), arn) for arn in filter(None, map(os.environ.get, CAMPAIGNS))]
    if endpoint := os.environ.get("ENDPOINT_NAME"):
        ages.append(_told(of_endpoint, client("sagemaker"), endpoint))
    return max((days for days in ages if days is not None), default=None)


def _told(age: Callable[[Any, str], float], client: Any, name: str) -> float | None:
    try:
        return age(client, name)
    except (ClientError, BotoCoreError) as error:
        if not (isinstance(error, ClientError) and error.response["Error"]["Code"] == MISSING):
            logger.warning("age of the model", extra={"of": name, "reason": str(error)})
        return None


def of_campaign(personalize: Any, campaign_arn: str) -> float:
    """Days since the training began of the version that the campaign serves.

    Raises ClientError or BotoCoreError where Personalize does not say.
    """
    campaign = personalize.describe_campaign(campaignArn=campaign_arn)["campaign"]
    version = personalize.describe_solution_version(solutionVersionArn=campaign["solutionVersionArn"])
    return _days(version["solutionVersion"]["creationDateTime"])


def of_endpoint(sagemaker: Any, endpoint: str) -> float:
    """Days since the oldest of the models behind the endpoint was made, which is when its training had ended.

    Not since the endpoint was changed: other instances or weights make its model no younger. Raises ClientError or
    BotoCoreError where SageMaker does not say.
    """
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    models = {variant["ModelName"] for variant in variants}
    return _days(min(sagemaker.describe_model(ModelName=model)["CreationTime"] for model in models))


def _days(since: datetime) -> float:
    return (datetime.now(UTC) - since).total_seconds() / 86400
