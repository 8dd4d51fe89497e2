"""A daily batch written the plain way: one unpaged scan, then one question and one update a user."""

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import boto3

from benchmarks.embedded import TABLE, Done, counted
from recsys.lambdas.batch_processor.source import RESULTS
from recsys.lambdas.campaign import COLUMNS

Profile = dict[str, Any]
Ask = Callable[[Profile], list[str]]  # the items of the profile's user


def plain(asking: Callable[[], Ask]) -> Callable[[Sequence[str], int], Done]:
    """The handler, with a campaign or an endpoint."""

    def work() -> int:
        table, ask, since = boto3.resource("dynamodb").Table(TABLE), asking(), time.time() - 30 * 86400
        active = [profile for profile in table.scan()["Items"] if profile["lastEventAt"] >= since]
        for profile in active:
            table.update_item(
                Key={"userId": profile["userId"]},
                UpdateExpression="SET recommendations = :items, recommendedAt = :now",
                ExpressionAttributeValues={":items": ask(profile), ":now": int(time.time())},
            )
        return len(active)

    return lambda users, number: counted(work)


def of_campaign() -> Ask:
    """A campaign's items."""
    runtime = boto3.client("personalize-runtime")
    request = {"numResults": RESULTS, "metadataColumns": {"ITEMS": list(COLUMNS)}}

    def ask(profile: Profile) -> list[str]:
        arn = os.environ["CAMPAIGN_ARN"]
        answer = runtime.get_recommendations(campaignArn=arn, userId=profile["userId"], **request)
        return [item["itemId"] for item in answer["itemList"]]

    return ask


def of_endpoint() -> Ask:
    """An endpoint's items."""
    runtime, kind = boto3.client("sagemaker-runtime"), "application/json"

    def ask(profile: Profile) -> list[str]:
        last = [{"itemId": each["itemId"], "timestamp": float(each["timestamp"])} for each in profile["lastItems"]]
        body = json.dumps({"instances": [{"userId": profile["userId"], "events": last}], "numResults": RESULTS})
        name = os.environ["ENDPOINT_NAME"]
        answer = json.load(runtime.invoke_endpoint(EndpointName=name, ContentType=kind, Body=body)["Body"])
        return [item["itemId"] for item in answer["predictions"][0]["recommendations"]]

    return ask
