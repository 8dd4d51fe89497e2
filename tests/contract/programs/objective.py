"""Optimisation for a business objective: relevance and price together."""

import boto3
from steps import deploy, personalize, sample_group, train

group = sample_group("objective-shop", "Items")
runtime = boto3.client("personalize-runtime")
for sensitivity in ("OFF", "HIGH"):
    version = train(
        group,
        f"objective-{sensitivity.lower()}",
        "aws-user-personalization",
        solutionConfig={"optimizationObjective": {"itemAttribute": "PRICE", "objectiveSensitivity": sensitivity}},
    )
    config = {"enableMetadataWithRecommendations": True, "itemExplorationConfig": {"explorationWeight": "0"}}
    campaign = deploy(version, f"objective-{sensitivity.lower()}", **config)
    answer = runtime.get_recommendations(
        campaignArn=campaign, userId="U1038", numResults=25, metadataColumns={"ITEMS": ["PRICE"]}
    )
    prices = [float(item["metadata"]["price"]) for item in answer["itemList"] if "price" in item.get("metadata", {})]
    metrics = personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    print(sensitivity, "mean price:", round(sum(prices) / len(prices), 2), metrics.get("average_rewards_at_k"))
