"""The recommendation API beside handlers written the plain way: requests a second, p50 and p99, with 1, 8, 32 clients.

    python -m benchmarks.api
    python -m benchmarks.api --seconds 1 --runs 1 --clients 1,8

All are deployed on one embedded AWS behind its API Gateway, over one trained campaign, and asked in turns. The plain
handlers are those of the usual recipes: one asks the control plane for its campaign on every call, as if that could
change from one to the next; the other makes its clients on every call besides. A client is a thread that keeps its
connection and asks again as soon as it is answered, for other users in turn. What client, HTTP and server cost without
any of this is the row of the embedded AWS's own health, which no API here can be faster than.
"""

import argparse
import http.client
import io
import os
import platform
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from benchmarks.embedded import TAGS, campaign
from benchmarks.machine import machine
from benchmarks.serving import server
from recsys import aws, deploy
from recsys.local.addresses import HEALTH

USERS = 500
RESULTS = 5
STAGE = "plain"
LEAST = "the server's health"

ONCE = "personalize, runtime = boto3.client('personalize'), boto3.client('personalize-runtime')\n"
PLAIN = """
import json, os, boto3
{outside}
def handler(event, context):
    {inside}
    campaign = personalize.describe_campaign(campaignArn=os.environ["CAMPAIGN_ARN"])["campaign"]
    user, count = event["pathParameters"]["userId"], int(event["queryStringParameters"]["numResults"])
    answer = runtime.get_recommendations(
        campaignArn=campaign["campaignArn"], userId=user, numResults=count,
        metadataColumns={{"ITEMS": ["TITLE", "CATEGORY", "PRICE"]}})
    body = {{"userId": user, "recommendations": answer["itemList"], "solution": campaign["solutionVersionArn"]}}
    return {{"statusCode": 200, "body": json.dumps(body)}}
"""


@dataclass(frozen=True)
class Measured:
    """One run: requests a second, and (n,) milliseconds of each request."""

    speed: float
    milliseconds: np.ndarray


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a run (5)")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turns; the median counts (3)")
    parser.add_argument("--clients", default="1,8,32", help="at once (1,8,32)")
    options = parser.parse_args()
    print(f"{machine()}, python {platform.python_version()}; median of {options.runs} runs of {options.seconds:g} s\n")
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state, server(Path(state)):
        arn = campaign(Path(state))
        addresses = {
            LEAST: os.environ["AWS_ENDPOINT_URL"] + HEALTH,
            "recsys": asked(ours(arn)),
            "plain": asked(plain("plain", arn, PLAIN.format(outside=ONCE, inside=""))),
            "plain, own clients": asked(plain("own-clients", arn, PLAIN.format(outside="", inside=ONCE))),
        }
        print(f"{'clients':>7}  {'':20}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
        for clients in map(int, options.clients.split(",")):
            for address in addresses.values():
                load(address, clients, min(2.0, options.seconds))  # until as many workers are there
            rounds = [
                {name: load(address, clients, options.seconds) for name, address in addresses.items()}
                for _ in range(options.runs)
            ]
            table(clients, {name: [measured[name] for measured in rounds] for name in addresses})


def asked(url: str) -> str:
    return f"{url}/recommendations/user-{{user}}?numResults={RESULTS}"


def ours(arn: str) -> str:
    """Where our API answers."""
    return deploy.deploy("recsys-benchmark", {"EnvironmentSuffix": "benchmark", "CampaignArn": arn}, TAGS)["ApiUrl"]


def plain(name: str, arn: str, code: str) -> str:
    """Where an API with this one function answers."""
    function = aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/plain",
        Handler="index.handler",
        Code={"ZipFile": zipped(code)},
        Timeout=15,
        MemorySize=512,
        Environment={"Variables": {"CAMPAIGN_ARN": arn}},
    )["FunctionArn"]
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name=name)["id"]
    parent = gateway.get_resources(restApiId=api)["items"][0]["id"]
    for part in ("recommendations", "{userId}"):
        parent = gateway.create_resource(restApiId=api, parentId=parent, pathPart=part)["id"]
    method = {"restApiId": api, "resourceId": parent, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:{aws.region()}:lambda:path/2015-03-31/functions/{function}/invocations"
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api, stageName=STAGE)
    return f"{os.environ['AWS_ENDPOINT_URL']}/restapis/{api}/{STAGE}/_user_request_"


def zipped(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", code)
    return buffer.getvalue()


def load(address: str, clients: int, seconds: float) -> Measured:
    """So many clients for so long. Raises SystemExit at the first answer that is not 200."""
    taken: list[list[float]] = [[] for _ in range(clients)]
    faults: list[str] = []
    started = time.perf_counter()
    end = started + seconds
    threads = [
        threading.Thread(target=client, args=(address, number, end, times, faults.append))
        for number, times in enumerate(taken)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise SystemExit(f"{len(faults)} clients were let down, the first: {faults[0]}")
    every = np.array([each for times in taken for each in times])
    return Measured(len(every) / (time.perf_counter() - started), 1e3 * every)


def client(address: str, number: int, end: float, times: list[float], fault: Callable[[str], None]) -> None:
    """Ask until the end; the seconds of each request go into `times`."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    while (now := time.perf_counter()) < end:
        user = (number * 17 + len(times)) % USERS
        connection.request("GET", f"{place.path}?{place.query}".format(user=user))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            fault(f"{answer.status} {body[:200].decode()}")
            break
        times.append(time.perf_counter() - now)
    connection.close()


def table(clients: int, measured: dict[str, list[Measured]]) -> None:
    """A row an API; then ours over each plain one."""
    speeds = {}
    for name, runs in measured.items():
        speeds[name] = float(np.median([run.speed for run in runs]))
        low, high = (np.median([np.percentile(run.milliseconds, at) for run in runs]) for at in (50, 99))
        print(f"{clients:7}  {name:20}{speeds[name]:12,.0f}{low:10.1f}{high:10.1f}", flush=True)
    others = [name for name in speeds if name.startswith("plain")]
    print("  " + "; ".join(f"{speeds['recsys'] / speeds[name]:.1f} times {name}" for name in others) + "\n")


if __name__ == "__main__":
    main()
