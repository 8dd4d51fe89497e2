"""Metric attribution: what recommendations earn, counted per source in CloudWatch."""

import time

import boto3
from steps import POLL_SECONDS, ROLE, deploy, personalize, sample_group, train, wait

group = sample_group("metric-shop", "Items")
campaign = deploy(train(group, "metric-shop", "aws-user-personalization-v2"), "metric-shop")
attribution = personalize.create_metric_attribution(
    name="metric-shop",
    datasetGroupArn=group,
    metrics=[
        {"eventType": "view", "metricName": "views", "expression": "SAMPLECOUNT()"},
        {"eventType": "purchase", "metricName": "revenue", "expression": "SUM(Items.PRICE)"},
    ],
    metricsOutputConfig={"roleArn": ROLE},
)["metricAttributionArn"]
wait(personalize.describe_metric_attribution, metricAttributionArn=attribution)
tracker = personalize.create_event_tracker(name="metric-shop", datasetGroupArn=group)
wait(personalize.describe_event_tracker, eventTrackerArn=tracker["eventTrackerArn"])

answer = boto3.client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="U1038", numResults=3)
item = answer["itemList"][0]["itemId"]
for kind in ("view", "purchase"):
    boto3.client("personalize-events").put_events(
        trackingId=tracker["trackingId"],
        userId="U1038",
        sessionId="visit-1",
        eventList=[
            {
                "eventType": kind,
                "itemId": item,
                "sentAt": time.time(),
                "recommendationId": answer["recommendationId"],
                "metricAttribution": {"eventAttributionSource": "home-page"},
            }
        ],
    )
cloudwatch = boto3.client("cloudwatch")
for _ in range(60):
    found = {metric["MetricName"] for metric in cloudwatch.list_metrics()["Metrics"]}
    if {"views", "revenue"} <= found:
        break
    time.sleep(POLL_SECONDS)
print("in CloudWatch:", sorted({"views", "revenue"} & found))
