"""A request that is granted, for each of the 79 operations; Create, Describe, List, Delete and Update go by kind."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import personalize_shop as shops
from personalize_shop import RECIPE
from world import World, member, operation, unique

DELETABLE = (
    "Schema",
    "DatasetGroup",
    "Dataset",
    "EventTracker",
    "Filter",
    "Solution",
    "Campaign",
    "Recommender",
    "MetricAttribution",
)
KINDS = (
    *DELETABLE,
    "DatasetImportJob",
    "DatasetExportJob",
    "DataDeletionJob",
    "SolutionVersion",
    "BatchInferenceJob",
    "BatchSegmentJob",
)
SERVICES = ("personalize", "personalize-runtime", "personalize-events")
Request = Callable[[World], dict[str, Any]]
FEATURES = "arn:aws:personalize:::feature-transformation/"
NOW = 1_700_100_000


def inactive_recommender(world: World) -> str:
    """A recommender that has been stopped."""
    arn = world.make("Recommender")
    world.personalize.stop_recommender(recommenderArn=arn)
    return world.settle("Recommender", arn)


def training(world: World) -> str:
    """A solution version in creation."""
    solution = world.make("Solution", recipeArn=f"{RECIPE}aws-user-personalization")
    return world.make("SolutionVersion", settled=False, solutionArn=solution)


def _wider_schema(world: World) -> str:
    extra = {"name": "COLOUR", "type": ["null", "string"], "categorical": True}
    text = shops.ITEMS.replace('"fields": [', f'"fields": [{json.dumps(extra)}, ')
    return world.make("Schema", schema=text)


def _named(verb: str, kind: str) -> str:
    return f"personalize.{operation(verb, kind)}"


GRANTED: dict[str, Request] = {
    **{_named("create", kind): (lambda world, kind=kind: world.request(kind)) for kind in KINDS},
    **{_named("describe", kind): (lambda world, kind=kind: {member(kind): world.arns[kind]}) for kind in KINDS},
    **{_named("delete", kind): (lambda world, kind=kind: {member(kind): world.make(kind)}) for kind in DELETABLE},
    **{f"personalize.{operation('list', kind)}s": (lambda world: {"maxResults": 2}) for kind in KINDS},
    "personalize.list_recipes": lambda world: {"maxResults": 5},
    "personalize.list_tags_for_resource": lambda world: {"resourceArn": world.shop.group},
    "personalize.list_metric_attribution_metrics": lambda world: {
        "metricAttributionArn": world.arns["MetricAttribution"]
    },
    "personalize.describe_recipe": lambda world: {"recipeArn": f"{RECIPE}aws-sims"},
    "personalize.describe_algorithm": lambda world: {"algorithmArn": "arn:aws:personalize:::algorithm/aws-sims"},
    "personalize.describe_feature_transformation": lambda world: {
        "featureTransformationArn": f"{FEATURES}JSON-percentile-filtering"
    },
    "personalize.get_solution_metrics": lambda world: {"solutionVersionArn": world.arns["SolutionVersion"]},
    "personalize.start_recommender": lambda world: {"recommenderArn": inactive_recommender(world)},
    "personalize.stop_recommender": lambda world: {"recommenderArn": world.make("Recommender")},
    "personalize.stop_solution_version_creation": lambda world: {"solutionVersionArn": training(world)},
    "personalize.tag_resource": lambda world: {
        "resourceArn": world.shop.group,
        "tags": [{"tagKey": "k", "tagValue": "v"}],
    },
    "personalize.untag_resource": lambda world: {"resourceArn": world.shop.group, "tagKeys": ["k"]},
    "personalize.update_campaign": lambda world: {"campaignArn": world.make("Campaign"), "minProvisionedTPS": 2},
    "personalize.update_dataset": lambda world: {
        "datasetArn": world.shop.datasets["Items"],
        "schemaArn": _wider_schema(world),
    },
    "personalize.update_metric_attribution": lambda world: {
        "metricAttributionArn": world.arns["MetricAttribution"],
        "addMetrics": [{"eventType": "buy", "metricName": unique("buys"), "expression": "SUM(Items.PRICE)"}],
    },
    "personalize.update_recommender": lambda world: {
        "recommenderArn": world.arns["Recommender"],
        "recommenderConfig": {"minRecommendationRequestsPerSecond": 2},
    },
    "personalize.update_solution": lambda world: {"solutionArn": world.make("Solution"), "performAutoTraining": False},
    "personalize-runtime.get_recommendations": lambda world: {
        "campaignArn": world.campaigns["user-personalization"],
        "userId": "u1",
    },
    "personalize-runtime.get_personalized_ranking": lambda world: {
        "campaignArn": world.campaigns["personalized-ranking"],
        "userId": "u1",
        "inputList": ["i1", "i2"],
    },
    "personalize-runtime.get_action_recommendations": lambda world: {
        "campaignArn": world.campaigns["next-best-action"],
        "userId": "u1",
    },
    "personalize-events.put_events": lambda world: {
        "trackingId": world.tracking_id,
        "sessionId": "s1",
        "userId": "u1",
        "eventList": [{"eventType": "view", "itemId": "i1", "sentAt": NOW}],
    },
    "personalize-events.put_items": lambda world: {
        "datasetArn": world.shop.datasets["Items"],
        "items": [{"itemId": "i900", "properties": '{"category": "c1", "creationTimestamp": 1700000000}'}],
    },
    "personalize-events.put_users": lambda world: {
        "datasetArn": world.shop.datasets["Users"],
        "users": [{"userId": "u900", "properties": '{"country": "DE", "age": 30}'}],
    },
    "personalize-events.put_actions": lambda world: {
        "datasetArn": world.shop.datasets["Actions"],
        "actions": [{"actionId": "a9", "properties": '{"channel": "mail"}'}],
    },
    "personalize-events.put_action_interactions": lambda world: {
        "trackingId": world.describe("Dataset", world.shop.datasets["Action_Interactions"])["trackingId"],
        "actionInteractions": [
            {"actionId": "a1", "userId": "u1", "sessionId": "s1", "eventType": "Taken", "timestamp": NOW}
        ],
    },
}


def models() -> dict[str, Any]:
    """botocore's model of each operation, by `service.method`."""
    found = {}
    for service in SERVICES:
        client = boto3.client(service, region_name="us-east-1")
        for method, name in client.meta.method_to_api_mapping.items():
            found[f"{service}.{method}"] = client.meta.service_model.operation_model(name)
    return found


MODELS = models()


def call(client_of: Callable[[str], Any], name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call `service.method` of boto3."""
    service, method = name.split(".")
    return getattr(client_of(service), method)(**request)
