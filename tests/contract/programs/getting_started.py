"""Getting started: import interactions, train User-Personalization, deploy it, ask for recommendations."""

import boto3
from steps import deploy, personalize, sample_group, train

group = sample_group("getting-started")
version = train(group, "getting-started", "aws-user-personalization-v2")
metrics = personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
print(f"precision at 5: {metrics['precision_at_5']}, coverage: {metrics['coverage']}")

campaign = deploy(version, "getting-started")
answer = boto3.client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="U1038", numResults=10)
for item in answer["itemList"]:
    print(item["itemId"], item.get("score"))
