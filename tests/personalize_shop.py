"""A small shop for the Personalize tests: schemas, tables with something to learn, and the calls that import them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from waiting import patiently

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/personalize"
RECIPE = "arn:aws:personalize:::recipe/"
STILL = {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}  # a campaign that never explores
Client = Callable[[str], Any]
Tables = Mapping[str, tuple[str, pd.DataFrame]]  # of each type its schema and its data
_numbers = count(1)


def unique(name: str) -> str:
    """A name nobody else in this session of tests uses."""
    return f"{name}-{next(_numbers)}"


def schema(kind: str, *fields: dict[str, Any]) -> str:
    required = {
        "Interactions": [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long")],
        "Items": [("ITEM_ID", "string")],
        "Users": [("USER_ID", "string")],
        "Actions": [("ACTION_ID", "string")],
        "Action_Interactions": [("USER_ID", "string"), ("ACTION_ID", "string"), ("TIMESTAMP", "long")],
    }[kind]
    columns = [{"name": name, "type": type_} for name, type_ in required]
    namespace = "com.amazonaws.personalize.schema"
    record = {"type": "record", "name": kind, "namespace": namespace, "fields": columns + list(fields)}
    return json.dumps({**record, "version": "1.0"})


INTERACTIONS = schema(
    "Interactions", {"name": "EVENT_TYPE", "type": "string"}, {"name": "EVENT_VALUE", "type": ["null", "float"]}
)
ITEMS = schema(
    "Items",
    {"name": "CATEGORY", "type": ["null", "string"], "categorical": True},
    {"name": "PRICE", "type": ["null", "float"]},
    {"name": "CREATION_TIMESTAMP", "type": "long"},
    {"name": "TITLE", "type": ["null", "string"], "textual": True},
)
USERS = schema("Users", {"name": "COUNTRY", "type": "string", "categorical": True}, {"name": "AGE", "type": "int"})

ACTIONS = schema("Actions", {"name": "CHANNEL", "type": ["null", "string"], "categorical": True})
ACTED = schema("Action_Interactions", {"name": "EVENT_TYPE", "type": "string"})


@lru_cache
def interactions(users: int = 120, items: int = 60, seed: int = 1) -> pd.DataFrame:
    """Walks over a ring of items: item n mostly leads to n+1, so that the next item can be learned."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        item = int(rng.integers(items))
        for step in range(int(rng.integers(8, 25))):
            kind = "purchase" if rng.random() < 0.3 else "view"
            rows.append((f"u{user}", f"i{item}", 1_700_000_000 + user + 1000 * step, kind, round(rng.random() * 50, 2)))
            item = (item + int(rng.choice([1, 1, 1, 2, 7]))) % items
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"])


def item_table(items: int = 60) -> pd.DataFrame:
    """Categories overlap, every tenth item has none, one item has no price."""
    numbers = range(items)
    return pd.DataFrame(
        {
            "ITEM_ID": [f"i{n}" for n in numbers],
            "CATEGORY": [None if n % 10 == 9 else f"c{n % 4}|d{n % 3}" for n in numbers],
            "PRICE": [None if n == 5 else n * 1.5 for n in numbers],
            "CREATION_TIMESTAMP": [1_600_000_000 + n for n in numbers],
            "TITLE": [f"Item {n}" for n in numbers],
        }
    )


def user_table(users: int = 120) -> pd.DataFrame:
    rows = [(f"u{n}", ("DE", "US", "FR")[n % 3], 18 + n % 50) for n in range(users)]
    return pd.DataFrame(rows, columns=["USER_ID", "COUNTRY", "AGE"])


@dataclass
class Shop:
    """A dataset group with imported data."""

    client: Client
    name: str
    group: str
    bucket: str
    datasets: dict[str, str] = field(default_factory=dict)
    schemas: dict[str, str] = field(default_factory=dict)
    tracking_id: str = ""


def settled(describe: Callable[..., dict[str, Any]], key: str, **arn: str) -> dict[str, Any]:
    """Poll until a status is final; the last description."""
    for _ in patiently():
        described = describe(**arn)[key]
        status = described["status"]
        if status in ("ACTIVE", "COMPLETED", "INACTIVE") or status.endswith(("FAILED", "STOPPED")):
            break
    return described


def updated(describe: Callable[..., dict[str, Any]], key: str, member: str, **arn: str) -> dict[str, Any]:
    """Poll until the update shown in `member` is ACTIVE; the last description."""
    for _ in patiently():
        described = describe(**arn)[key]
        status = described.get(member, {}).get("status", "")
        assert "FAILED" not in status, described
        if status == "ACTIVE":
            break
    return described


def gone(client: Client, describe: Callable[..., Any], **arn: str) -> list[str]:
    """Describe what is being deleted until it does not exist; the statuses seen."""
    seen = []
    for _ in patiently():
        try:
            (described,) = (value for name, value in describe(**arn).items() if name != "ResponseMetadata")
        except client("personalize").exceptions.ResourceNotFoundException:
            break
        seen.append(described["status"])
    return seen


def open_shop(client: Client, name: str | None = None, **more: str) -> Shop:
    """An ACTIVE dataset group and a bucket; `more` may name a domain."""
    name = name or unique("shop")
    group = client("personalize").create_dataset_group(name=name, **more)["datasetGroupArn"]
    settled(client("personalize").describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    client("s3").create_bucket(Bucket=name)
    consent(client, name)
    return Shop(client, name, group, name)


def consent(client: Client, name: str, **statement: Any) -> None:
    """Let Personalize read and write a bucket, as its jobs need beside their role; `statement` changes how."""
    bucket = f"arn:aws:s3:::{name}"
    admitted = {
        "Effect": "Allow",
        "Principal": {"Service": "personalize.amazonaws.com"},
        "Action": ["s3:GetObject", "s3:ListBucket", "s3:PutObject"],
        "Resource": [bucket, f"{bucket}/*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:personalize:*:{ACCOUNT}:*"},
        },
    }
    policy = {"Version": "2012-10-17", "Statement": [admitted | statement]}
    client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def add_dataset(shop: Shop, kind: str, text: str, **more: str) -> str:
    """A dataset of a type with a schema of its own; its ARN. `more` may name a domain."""
    personalize = shop.client("personalize")
    shop.schemas[kind] = personalize.create_schema(name=f"{shop.name}-{kind}", schema=text, **more)["schemaArn"]
    dataset = personalize.create_dataset(
        name=f"{shop.name}-{kind}", schemaArn=shop.schemas[kind], datasetGroupArn=shop.group, datasetType=kind
    )["datasetArn"]
    shop.datasets[kind] = dataset
    return dataset


def put_csv(shop: Shop, key: str, table: pd.DataFrame | str | bytes) -> str:
    """Upload a table or bytes; its s3:// address."""
    body = table.to_csv(index=False) if isinstance(table, pd.DataFrame) else table
    shop.client("s3").put_object(Bucket=shop.bucket, Key=key, Body=body)
    return f"s3://{shop.bucket}/{key}"


def start_import(shop: Shop, kind: str, location: str, **more: Any) -> str:
    return shop.client("personalize").create_dataset_import_job(
        jobName=unique("job"),
        datasetArn=shop.datasets[kind],
        dataSource={"dataLocation": location},
        **{"roleArn": ROLE, **more},
    )["datasetImportJobArn"]


def import_csv(shop: Shop, kind: str, location: str, **more: Any) -> dict[str, Any]:
    """Import and wait; the job's last description."""
    job = start_import(shop, kind, location, **more)
    return settled(shop.client("personalize").describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)


def stocked_shop(client: Client, tables: Tables | None = None, **domain: str) -> Shop:
    """A group with interactions, items and users imported, or with other `tables`."""
    usual = {
        "Interactions": (INTERACTIONS, interactions()),
        "Items": (ITEMS, item_table()),
        "Users": (USERS, user_table()),
    }
    return stock(open_shop(client, **domain), tables or usual, **domain)


def stock(shop: Shop, tables: Tables, **domain: str) -> Shop:
    """The shop with datasets of these types, their data imported side by side."""
    jobs = []
    for kind, (text, table) in tables.items():
        add_dataset(shop, kind, text, **domain)
        jobs.append(start_import(shop, kind, put_csv(shop, f"{kind}.csv", table)))
    describe = shop.client("personalize").describe_dataset_import_job
    for job in jobs:
        described = settled(describe, "datasetImportJob", datasetImportJobArn=job)
        assert described["status"] == "ACTIVE", described
    return shop


def start_version(shop: Shop, recipe: str, **more: Any) -> str:
    """A solution of a recipe and its first version, in creation; the version's ARN."""
    personalize = shop.client("personalize")
    solution = personalize.create_solution(
        name=unique(recipe), datasetGroupArn=shop.group, recipeArn=RECIPE + recipe, **more
    )["solutionArn"]
    return personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]


def version_of(shop: Shop, arn: str) -> dict[str, Any]:
    return settled(shop.client("personalize").describe_solution_version, "solutionVersion", solutionVersionArn=arn)


def trained_version(shop: Shop, recipe: str) -> str:
    """The ARN of a new version that is ACTIVE."""
    described = version_of(shop, start_version(shop, recipe))
    assert described["status"] == "ACTIVE", described
    return described["solutionVersionArn"]


def deploy(shop: Shop, version: str, **more: Any) -> str:
    """An ACTIVE campaign of a version; its ARN."""
    personalize = shop.client("personalize")
    arn = personalize.create_campaign(name=unique("campaign"), solutionVersionArn=version, **more)["campaignArn"]
    described = settled(personalize.describe_campaign, "campaign", campaignArn=arn)
    assert described["status"] == "ACTIVE", described
    return arn


@contextmanager
def trained(shop: Shop, recipe: str, **solution: Any) -> Iterator[dict[str, Any]]:
    """An ACTIVE version of a new solution, described; the solution goes when it is done with."""
    described = version_of(shop, start_version(shop, recipe, **solution))
    assert described["status"] == "ACTIVE", described
    yield described
    shop.client("personalize").delete_solution(solutionArn=described["solutionArn"])


@contextmanager
def serving(shop: Shop, recipe: str, **solution: Any) -> Iterator[Callable[..., list[str]]]:
    """A campaign of a new solution, as a function from a request to the items it recommends; no exploration."""
    personalize, runtime = shop.client("personalize"), shop.client("personalize-runtime")
    exploration = {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}
    with trained(shop, recipe, **solution) as version:
        campaign = deploy(shop, version["solutionVersionArn"], **(exploration if "user-p" in recipe else {}))

        def recommend(**request: Any) -> list[str]:
            return [e["itemId"] for e in runtime.get_recommendations(campaignArn=campaign, **request)["itemList"]]

        yield recommend
        personalize.delete_campaign(campaignArn=campaign)
        gone(shop.client, personalize.describe_campaign, campaignArn=campaign)


def metrics_of(shop: Shop, version: dict[str, Any]) -> dict[str, float]:
    """GetSolutionMetrics of a described version."""
    arn = version["solutionVersionArn"]
    return shop.client("personalize").get_solution_metrics(solutionVersionArn=arn)["metrics"]


def add_tracker(shop: Shop) -> str:
    """The tracking id of a new event tracker."""
    personalize = shop.client("personalize")
    made = personalize.create_event_tracker(name=unique("tracker"), datasetGroupArn=shop.group)
    settled(personalize.describe_event_tracker, "eventTracker", eventTrackerArn=made["eventTrackerArn"])
    return made["trackingId"]


def run_batch(shop: Shop, kind: str, version: str, lines: list[Any], **more: Any) -> tuple[dict[str, Any], list[Any]]:
    """Run a job of a kind, Inference or Segment, over JSON lines; its last description and the lines it wrote."""
    personalize, s3, name = shop.client("personalize"), shop.client("s3"), unique(kind.lower())
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    places = {
        "jobInput": {"s3DataSource": {"path": put_csv(shop, f"in/{name}.json", body)}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://{shop.bucket}/out/{name}/"}},
    }
    create = getattr(personalize, f"create_batch_{kind.lower()}_job")
    arn = create(jobName=name, solutionVersionArn=version, roleArn=ROLE, **places, **more)[f"batch{kind}JobArn"]
    describe = getattr(personalize, f"describe_batch_{kind.lower()}_job")
    job = settled(describe, f"batch{kind}Job", **{f"batch{kind}JobArn": arn})
    if job["status"] != "ACTIVE":
        return job, []
    written = s3.get_object(Bucket=shop.bucket, Key=f"out/{name}/{name}.json.out")["Body"].read().decode()
    return job, [json.loads(line) for line in written.splitlines()]


def add_filter(shop: Shop, expression: str) -> str:
    personalize = shop.client("personalize")
    arn = personalize.create_filter(name=unique("filter"), datasetGroupArn=shop.group, filterExpression=expression)
    settled(personalize.describe_filter, "filter", filterArn=arn["filterArn"])
    return arn["filterArn"]


def recommended(shop: Shop, campaign: str, **request: Any) -> list[str]:
    """The ids that a campaign recommends."""
    answer = shop.client("personalize-runtime").get_recommendations(campaignArn=campaign, **request)
    return [entry["itemId"] for entry in answer["itemList"]]


def put_items(shop: Shop, items: dict[str, dict[str, Any]]) -> None:
    """PutItems: id -> properties."""
    shop.client("personalize-events").put_items(datasetArn=shop.datasets["Items"], items=_entries("itemId", items))


def put_users(shop: Shop, users: dict[str, dict[str, Any]]) -> None:
    """PutUsers: id -> properties."""
    shop.client("personalize-events").put_users(datasetArn=shop.datasets["Users"], users=_entries("userId", users))


def put_actions(shop: Shop, actions: dict[str, dict[str, Any]]) -> None:
    """PutActions: id -> properties."""
    entries = _entries("actionId", actions)
    shop.client("personalize-events").put_actions(datasetArn=shop.datasets["Actions"], actions=entries)


def _entries(member: str, things: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    return [
        {member: each} | ({"properties": json.dumps(properties)} if properties else {})
        for each, properties in things.items()
    ]


def put_events(shop: Shop, user: str, events: list[dict[str, Any]]) -> None:
    """PutEvents of a user to the shop's tracker, which is made for the first; sent now unless they say when."""
    shop.tracking_id = shop.tracking_id or add_tracker(shop)
    sent = [{"sentAt": time.time(), **event} for event in events]
    shop.client("personalize-events").put_events(
        trackingId=shop.tracking_id, userId=user, sessionId=user, eventList=sent
    )


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str, int]:
    """Error code, message and HTTP status of a call that must be refused."""
    from botocore.exceptions import ClientError

    try:
        call(**request)
    except ClientError as error:
        return (
            error.response["Error"]["Code"],
            error.response["Error"]["Message"],
            error.response["ResponseMetadata"]["HTTPStatusCode"],
        )
    raise AssertionError(f"{call} was not refused")
