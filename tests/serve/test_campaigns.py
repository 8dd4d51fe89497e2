"""A campaign is brought to what is asked for: its version, its size, what its answers carry."""

import personalize_shop as shops
import pytest

from recsys import aws, deploy, params, serve

TAGS = {"project": "recsys"}


@pytest.fixture(scope="module")
def version(client: shops.Client) -> str:
    aws.client.cache_clear()
    return shops.trained_version(shops.stocked_shop(client), "aws-popularity-count")


def test_another_size_or_other_answers_update_it_and_the_same_do_not(version: str) -> None:
    name = shops.unique("campaign")
    made = [
        serve.ensure_campaign(name, version, tps, TAGS, metadata=metadata)
        for tps, metadata in ((1, False), (1, False), (2, False), (2, True))
    ]
    assert len({each["campaignArn"] for each in made}) == 1
    assert [each["minProvisionedTPS"] for each in made] == [1, 1, 2, 2]
    assert [each["campaignConfig"]["enableMetadataWithRecommendations"] for each in made] == [False, False, False, True]
    assert ["latestCampaignUpdate" in each for each in made] == [False, False, True, True]
    assert made[-1]["latestCampaignUpdate"]["status"] == "ACTIVE"


def test_the_stack_is_told_what_is_there() -> None:
    settings = ["aws.environment_suffix=blue", "serving.min_provisioned_tps=3", "api.lambda_function_name=shop-api"]
    values, _ = params.load(settings=settings, environment={})
    told = deploy.name_parameters(values, "arn:aws:personalize:us-east-1:1:solution/user-personalization-blue-2/abc")
    assert told == {
        "DatasetGroupName": "ecommerce-recommendations-blue",
        "SolutionName": "user-personalization-blue-2",
        "CampaignName": "real-time-recommendations-blue",
        "MinProvisionedTPS": 3,
        "LambdaFunctionName": "shop-api",
        "APIName": "shop-api",
    }
    assert deploy.name_parameters(values)["SolutionName"] == "user-personalization-blue"
