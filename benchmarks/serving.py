"""GetRecommendations through boto3 from a large catalogue: idle, while another solution trains, with a filter.

    python -m benchmarks.serving
    python -m benchmarks.serving --items 2000 --users 2000 --requests 500

Beside it, in the same run: a bare health request through the same HTTP client, which nothing here can be faster than;
boto3 alone, its answer put before it without a server; what the server itself takes, part by part, in this process; and
the least the scores can take, the bytes of the coefficients they read over the memory bandwidth measured here.
"""

import argparse
import asyncio
import json
import logging
import os
import platform
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from botocore.awsrequest import AWSRequest, AWSResponse

from benchmarks.machine import machine
from recsys.data.generate import generate
from recsys.local import launcher
from recsys.local.addresses import HEALTH
from recsys.local.personalize.service import Personalize
from recsys.local.personalize.serving.engines import Asked
from recsys.local.personalize.serving.recommend import recommend
from recsys.local.personalize.wire import protocol
from recsys.models.next_item.gram import scale_weights

ROLE = "arn:aws:iam::000000000000:role/personalize"
RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
FILTER = 'INCLUDE ItemID WHERE Items.PRICE < 30 | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
COLUMNS = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long", "EVENT_TYPE": "string"},
    "Items": {"ITEM_ID": "string", "CATEGORY": ["null", "string"], "PRICE": ["null", "float"]},
}
WARM = 100  # requests before any that are timed

Client = Callable[[str], Any]
Call = Callable[[int], Any]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=2_000, help="timed ones, of each kind (2,000)")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    shop = generate(users=options.users, items=options.items, seed=options.seed)
    print(f"{machine()}, python {platform.python_version()}, numpy {np.__version__}")
    print(f"{options.items:,} items, {options.users:,} users, {len(shop.interactions):,} events, 25 recommendations\n")
    users = shop.users["USER_ID"].tolist()
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state:
        with server(Path(state)) as client:
            campaign, chosen, solution = deployed(client, shop)
            through_boto3(client, campaign, chosen, solution, users, options.requests)
        in_process(Path(state), campaign, chosen, users, options.requests)


@contextmanager
def server(state: Path) -> Iterator[Client]:
    """An embedded AWS over a folder of state, as a function from a service to a boto3 client."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher.up(port, state)
    try:
        os.environ.update(launcher.env(port))
        yield boto3.Session().client
    finally:
        launcher.down(state)


def deployed(client: Client, shop: Any) -> tuple[str, str, str]:
    """ARNs of an ACTIVE campaign, a filter and the campaign's solution."""
    personalize, s3 = client("personalize"), client("s3")
    s3.create_bucket(Bucket="serving")
    group = personalize.create_dataset_group(name="serving")["datasetGroupArn"]
    settle(lambda: personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"])
    for kind, table in (("Interactions", shop.interactions), ("Items", shop.items)):
        s3.put_object(Bucket="serving", Key=f"{kind}.csv", Body=table.to_csv(index=False).encode())
        schema = personalize.create_schema(name=kind, schema=avro(kind))["schemaArn"]
        named = {"name": kind, "datasetType": kind, "datasetGroupArn": group, "schemaArn": schema}
        dataset = personalize.create_dataset(**named)["datasetArn"]
        source = {"dataLocation": f"s3://serving/{kind}.csv"}
        job = personalize.create_dataset_import_job(jobName=kind, datasetArn=dataset, dataSource=source, roleArn=ROLE)
        arn = {"datasetImportJobArn": job["datasetImportJobArn"]}
        settle(lambda arn=arn: personalize.describe_dataset_import_job(**arn)["datasetImportJob"])
    made = {"datasetGroupArn": group, "recipeArn": RECIPE, "performAutoTraining": False}
    solution = personalize.create_solution(name="serving", **made)["solutionArn"]
    started = time.perf_counter()
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settle(lambda: personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
    print(f"trained in {time.perf_counter() - started:.0f} s")
    campaign = personalize.create_campaign(name="serving", solutionVersionArn=version)["campaignArn"]
    settle(lambda: personalize.describe_campaign(campaignArn=campaign)["campaign"])
    chosen = personalize.create_filter(name="serving", datasetGroupArn=group, filterExpression=FILTER)["filterArn"]
    settle(lambda: personalize.describe_filter(filterArn=chosen)["filter"])
    return campaign, chosen, solution


def avro(kind: str) -> str:
    fields = [{"name": name, "type": type_} for name, type_ in COLUMNS[kind].items()]
    for field in fields:
        if field["name"] == "CATEGORY":
            field["categorical"] = True
    namespace = "com.amazonaws.personalize.schema"
    return json.dumps({"type": "record", "name": kind, "namespace": namespace, "fields": fields, "version": "1.0"})


def settle(describe: Callable[[], dict[str, Any]]) -> None:
    while (found := describe())["status"] != "ACTIVE":
        if "FAILED" in found["status"]:
            raise SystemExit(f"{found['status']}: {found.get('failureReason')}")
        time.sleep(0.05)


def through_boto3(client: Client, campaign: str, chosen: str, solution: str, users: list[str], requests: int) -> None:
    """The table of what a caller waits for."""
    runtime = client("personalize-runtime")
    personalize = client("personalize")

    def ask(number: int, **more: Any) -> dict[str, Any]:
        return runtime.get_recommendations(campaignArn=campaign, userId=users[number % len(users)], **more)

    def filtered(number: int) -> dict[str, Any]:
        return ask(number, filterArn=chosen)

    print(f"\n{'milliseconds':44}{'p50':>8}{'p99':>8}")
    row("health, bare HTTP", timed(health(runtime), requests))
    row("boto3 alone, no server", timed(canned(client, ask(0), campaign), requests))
    row("GetRecommendations", timed(ask, requests))
    row("GetRecommendations, filter", timed(filtered, requests))
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    arn = {"solutionVersionArn": version}

    def training() -> bool:
        return personalize.describe_solution_version(**arn)["solutionVersion"]["status"] == "CREATE IN_PROGRESS"

    while not training():
        time.sleep(0.05)
    for name, call in (("", ask), (", filter", filtered)):
        measured = timed(call, requests)
        if not training():
            print("  the training ended too early for what follows")
        row(f"GetRecommendations{name}, a solution trains", measured)
    personalize.stop_solution_version_creation(**arn)


def health(runtime: Any) -> Call:
    """A request that needs nothing of the server, through the connections of a boto3 client."""
    session, url = runtime._endpoint.http_session, f"{runtime.meta.endpoint_url}{HEALTH}"
    return lambda number: session.send(AWSRequest("GET", url).prepare()).content


def canned(client: Client, answer: dict[str, Any], campaign: str) -> Call:
    """GetRecommendations whose answer is there before it is sent: what boto3 itself takes."""
    runtime = client("personalize-runtime")
    body = json.dumps({name: answer[name] for name in ("itemList", "recommendationId")}).encode()

    class Raw:
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield body

    headers = {"content-type": "application/json"}
    runtime.meta.events.register("before-send", lambda request, **_: AWSResponse(request.url, 200, headers, Raw()))
    return lambda number: runtime.get_recommendations(campaignArn=campaign, userId="u")


def in_process(state: Path, campaign: str, chosen: str, users: list[str], requests: int) -> None:
    """The table of what the server takes, without HTTP, on the state it left."""
    logging.disable(logging.WARNING)  # of metrics that nobody is there to take
    personalize = Personalize(state, os.environ["AWS_ENDPOINT_URL"])
    personalize.start()
    try:
        deployment = asyncio.run(personalize._deployments.deployment(campaign))
        print(f"\n{'milliseconds in the server, without HTTP':44}{'p50':>8}{'p99':>8}")
        for name, more in (("all of it", {}), ("all of it, filter", {"filterArn": chosen})):
            row(name, timed(served(personalize, campaign, users, more), requests))
        operation = protocol.find_operation("POST", "/recommendations", "")
        request = json.dumps({"campaignArn": campaign, "userId": users[0]}).encode()
        entries = recommend(deployment, Asked(users[0]), 25, None)
        answer = {"itemList": entries, "recommendationId": "RID-00000000-0000-0000-0000-000000000000"}
        row("  parse and check", timed(lambda _: protocol.parse(operation, request), requests))
        row("  scores", timed(lambda n: deployment.engine.scores(Asked(users[n % len(users)])), requests))
        row(
            "  scores and list",
            timed(lambda n: recommend(deployment, Asked(users[n % len(users)]), 25, None), requests),
        )
        row("  write the answer", timed(lambda _: protocol.answer(operation, answer), requests))
        limit(deployment, users)
    finally:
        personalize.stop()


def served(personalize: Personalize, campaign: str, users: list[str], more: dict[str, str]) -> Call:
    """The whole of the ASGI application, from a body to an answer."""
    loop = asyncio.new_event_loop()
    scope = {"type": "http", "method": "POST", "path": "/recommendations", "headers": []}

    async def send(message: dict[str, Any]) -> None:
        return None

    def call(number: int) -> None:
        body = json.dumps({"campaignArn": campaign, "userId": users[number % len(users)], **more}).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        loop.run_until_complete(personalize(scope, receive, send))

    return call


def limit(deployment: Any, users: list[str]) -> None:
    """The least that scores can take: the rows of the coefficients a history needs, each read once.

    What nearest neighbours read, where the model asks any, is left out.
    """
    model = deployment.artefacts.model
    weights, table = scale_weights(model.chosen.decays, model.chosen.length), model.table
    histories = [np.unique(deployment.histories.of(user)[-weights.shape[1] :]) for user in users]
    if isinstance(table, tuple):
        counted, left, right = table
        own = [(8 * np.diff(counted.indptr)[codes] + left[0].nbytes).sum() for codes in histories]
        bytes_read = [float(rows) + right.nbytes for rows in own]
    else:
        rows = [sum(min(len(codes), n) for n in (weights > 0).sum(axis=1)) for codes in histories]
        row = table.shape[1] * (1 if model.twin is None else 2)  # a byte an entry
        bytes_read = [float(n * row) for n in rows]
    typical, speed = float(np.median(bytes_read)), bandwidth()
    print(f"\nmemory limit of the scores: {typical / 1e6:.2f} MB at {speed / 1e9:.1f} GB/s", end="")
    print(f" = {1e3 * typical / speed:.3f} ms; {np.median([len(codes) for codes in histories]):.0f} rows", end="")
    print(f" of {deployment.catalogue.known:,} coefficients, {'sparse' if isinstance(table, tuple) else 'dense'}")


def bandwidth() -> float:
    """Bytes a second that one thread reads from memory: the best of ten sums of 256 MB."""
    data = np.ones(64_000_000, np.float32)
    return max(data.nbytes / seconds for seconds in timed(lambda _: data.max(), 10, warm=1) / 1e3)


def timed(call: Call, count: int, warm: int = WARM) -> np.ndarray:
    """(count,) milliseconds of each call."""
    for number in range(warm):
        call(number)
    taken = np.empty(count)
    for number in range(count):
        started = time.perf_counter()
        call(number)
        taken[number] = time.perf_counter() - started
    return taken * 1e3


def row(name: str, milliseconds: np.ndarray) -> None:
    print(f"{name:44}{np.percentile(milliseconds, 50):8.3f}{np.percentile(milliseconds, 99):8.3f}", flush=True)


if __name__ == "__main__":
    main()
