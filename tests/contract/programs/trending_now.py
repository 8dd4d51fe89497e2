"""Trending now: what rises fastest, recomputed as events arrive."""

import time

import boto3
from steps import deploy, personalize, sample_group, train, wait

group = sample_group("trend-shop")
version = train(
    group,
    "trend-shop",
    "aws-trending-now",
    solutionConfig={"featureTransformationParameters": {"trend_discovery_frequency": "30 minutes"}},
)
campaign = deploy(version, "trend-shop")
runtime = boto3.client("personalize-runtime")
print("before:", [item["itemId"] for item in runtime.get_recommendations(campaignArn=campaign)["itemList"]][:5])

tracker = personalize.create_event_tracker(name="trend-shop", datasetGroupArn=group)
wait(personalize.describe_event_tracker, eventTrackerArn=tracker["eventTrackerArn"])
for visitor in range(60):
    boto3.client("personalize-events").put_events(
        trackingId=tracker["trackingId"],
        sessionId=f"visit-{visitor}",
        eventList=[{"eventType": "view", "itemId": "I0500", "sentAt": time.time()}],
    )
print("metrics:", personalize.get_solution_metrics(solutionVersionArn=version)["metrics"])
