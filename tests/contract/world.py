"""One of everything Personalize knows, made through plain boto3, and a maker for another one of each kind."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import personalize_shop as shops
from personalize_shop import RECIPE, ROLE
from waiting import patiently

_numbers = count(1)
FINAL = ("ACTIVE", "COMPLETED", "INACTIVE", "FAILED", "CREATE FAILED", "CREATE STOPPED")
ACTIONS = shops.schema("Actions", {"name": "CHANNEL", "type": "string", "categorical": True})
ACTION_INTERACTIONS = shops.schema("Action_Interactions", {"name": "EVENT_TYPE", "type": "string"})
DOMAIN_ITEMS = shops.schema(
    "Items", {"name": "PRICE", "type": "float"}, {"name": "CATEGORY_L1", "type": "string", "categorical": True}
)
SCHEMAS = {
    "Interactions": shops.INTERACTIONS,
    "Items": shops.ITEMS,
    "Users": shops.USERS,
    "Actions": ACTIONS,
    "Action_Interactions": ACTION_INTERACTIONS,
}


def unique(name: str) -> str:
    return f"contract-{name}-{next(_numbers)}"


def member(kind: str) -> str:
    """The member that carries a kind's ARN: SolutionVersion -> solutionVersionArn."""
    return f"{kind[0].lower()}{kind[1:]}Arn"


def operation(verb: str, kind: str) -> str:
    """The boto3 method: ("create", "SolutionVersion") -> create_solution_version."""
    return f"{verb}_" + "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")


def action_tables(users: int = 120) -> dict[str, pd.DataFrame]:
    """Three actions, and who took them or not: enough for each to have a score."""
    rng = np.random.default_rng(3)
    rows = [
        (f"u{user}", f"a{action}", 1_700_000_000 + 600 * user, "Taken" if rng.random() < 0.5 else "Not taken")
        for user in range(users)
        for action in range(3)
    ]
    columns = ["USER_ID", "ACTION_ID", "TIMESTAMP", "EVENT_TYPE"]
    actions = pd.DataFrame({"ACTION_ID": ["a0", "a1", "a2"], "CHANNEL": ["mail", "app", "mail"]})
    return {"Actions": actions, "Action_Interactions": pd.DataFrame(rows, columns=columns)}


def domain_interactions() -> pd.DataFrame:
    """The shop's walks twice, as views and as purchases: a thousand events of each type."""
    table = shops.interactions()
    kinds = [table.assign(EVENT_TYPE=kind) for kind in ("View", "Purchase")]
    return pd.concat(kinds, ignore_index=True)


@dataclass
class World:
    """ARNs of one settled resource per kind, by kind; `make` creates another one."""

    client: Callable[[str], Any]
    arns: dict[str, str] = field(default_factory=dict)
    shop: shops.Shop | None = None
    domain: shops.Shop | None = None
    versions: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, str] = field(default_factory=dict)
    tracking_id: str = ""

    @property
    def personalize(self) -> Any:
        return self.client("personalize")

    def build(self) -> "World":
        """A custom group and a domain group with data, trained versions, campaigns and all the rest."""
        self.shop = shops.open_shop(self.client, unique("shop"))
        tables = {"Interactions": shops.interactions(), "Items": shops.item_table(), "Users": shops.user_table()}
        shops.stock(self.shop, {kind: (SCHEMAS[kind], table) for kind, table in (tables | action_tables()).items()})
        self.domain = self._domain_shop()
        names = ("user-personalization", "personalized-ranking", "popularity-count", "sims", "item-affinity")
        started = {name: shops.start_version(self.shop, f"aws-{name}") for name in (*names, "next-best-action")}
        self.arns["Recommender"] = self.make("Recommender", settled=False)
        for name, arn in started.items():
            self.versions[name] = self.settle("SolutionVersion", arn)
        for name in ("user-personalization", "personalized-ranking", "next-best-action"):
            self.campaigns[name] = shops.deploy(self.shop, self.versions[name])
        self._name_the_rest()
        return self

    def _name_the_rest(self) -> None:
        version = self.versions["user-personalization"]
        self.arns |= {
            "Schema": self.shop.schemas["Items"],
            "DatasetGroup": self.shop.group,
            "Dataset": self.shop.datasets["Items"],
            "SolutionVersion": version,
            "Solution": version.rpartition("/")[0],
            "Campaign": self.campaigns["user-personalization"],
        }
        self.settle("Recommender", self.arns["Recommender"])
        kinds = ("Filter", "EventTracker", "DatasetImportJob", "DatasetExportJob", "DataDeletionJob")
        for kind in (*kinds, "BatchInferenceJob", "BatchSegmentJob", "MetricAttribution"):
            made = self.make(kind, group=self.shop.group)
            self.arns[kind] = made
        described = self.personalize.describe_event_tracker(eventTrackerArn=self.arns["EventTracker"])
        self.tracking_id = described["eventTracker"]["trackingId"]

    def _domain_shop(self) -> shops.Shop:
        shop = shops.open_shop(self.client, unique("domain"), domain="ECOMMERCE")
        items = shops.item_table().assign(PRICE=1.0, CATEGORY_L1="c")[["ITEM_ID", "PRICE", "CATEGORY_L1"]]
        tables = {"Interactions": (shops.INTERACTIONS, domain_interactions()), "Items": (DOMAIN_ITEMS, items)}
        return shops.stock(shop, tables, domain="ECOMMERCE")

    def describe(self, kind: str, arn: str) -> dict[str, Any]:
        answer = getattr(self.personalize, operation("describe", kind))(**{member(kind): arn})
        return next(value for name, value in answer.items() if name != "ResponseMetadata")

    def settle(self, kind: str, arn: str) -> str:
        """Wait for the end of a creation, which must be a good one, and of an update; the ARN."""
        for _ in patiently():
            described = self.describe(kind, arn)
            under_way = (described, described.get(f"latest{kind}Update", {}))
            if all(each.get("status", "ACTIVE") in FINAL for each in under_way):
                break
            if described["status"].startswith("DELETE"):
                return arn
        assert "FAILED" not in described.get("status", ""), described
        return arn

    def gone(self, kind: str, arn: str) -> None:
        """Wait for the end of a delete."""
        try:
            for _ in patiently():
                self.describe(kind, arn)
        except self.personalize.exceptions.ResourceNotFoundException:
            return

    def tidy(self) -> None:
        """Remove what tests made of the kinds of which there can only be a few."""
        kept = {*self.arns.values(), *self.versions.values(), *self.campaigns.values()}
        for kind in ("Campaign", "Recommender", "Filter", "Solution"):
            listed = getattr(self.personalize, operation("list", f"{kind}s"))()
            entries = next(value for value in listed.values() if isinstance(value, list))
            spare = [entry[member(kind)] for entry in entries if entry["name"].startswith("contract-x-")]
            for arn in set(spare) - kept:
                with contextlib.suppress(self.personalize.exceptions.ResourceNotFoundException):  # going by itself
                    self._remove(kind, arn)

    def _remove(self, kind: str, arn: str) -> None:
        if kind == "Solution":
            for version in self.personalize.list_solution_versions(solutionArn=arn)["solutionVersions"]:
                self._stop(version["solutionVersionArn"], version["status"])
        self.settle(kind, arn)
        getattr(self.personalize, operation("delete", kind))(**{member(kind): arn})
        self.gone(kind, arn)

    def _stop(self, version: str, status: str) -> None:
        if status.endswith(("PENDING", "IN_PROGRESS")):
            self.personalize.stop_solution_version_creation(solutionVersionArn=version)
        self.settle("SolutionVersion", version)

    def group(self, settled: bool = True) -> str:
        """A new empty dataset group."""
        arn = self.personalize.create_dataset_group(name=unique("group"))["datasetGroupArn"]
        return self.settle("DatasetGroup", arn) if settled else arn

    def make(self, kind: str, settled: bool = True, **changes: Any) -> str:
        """Another resource of a kind; `changes` go through to its request."""
        request = self.request(kind, **changes)
        answer = getattr(self.personalize, operation("create", kind))(**request)
        arn = answer[member(kind)]
        return self.settle(kind, arn) if settled else arn

    def request(self, kind: str, group: str | None = None, **changes: Any) -> dict[str, Any]:
        """A Create request that is granted; kinds of which a group has one get a group of their own."""
        name = unique("x")
        job = {"jobName": name, "roleArn": ROLE}
        build: dict[str, Callable[[], dict[str, Any]]] = {
            "Schema": lambda: {"name": name, "schema": shops.INTERACTIONS},
            "DatasetGroup": lambda: {"name": name},
            "Dataset": lambda: self._dataset(name, group),
            "DatasetImportJob": lambda: {
                **job,
                "datasetArn": self.shop.datasets["Items"],
                "dataSource": {"dataLocation": f"s3://{self.shop.bucket}/Items.csv"},
            },
            "DatasetExportJob": lambda: {
                **job,
                "datasetArn": self.shop.datasets["Items"],
                "jobOutput": self._output("export"),
            },
            "DataDeletionJob": lambda: {
                **job,
                "datasetGroupArn": group or self.shop.group,
                "dataSource": {"dataLocation": self._put("leavers.csv", "USER_ID\nu119\n")},
            },
            "EventTracker": lambda: {"name": name, "datasetGroupArn": group or self.group()},
            "Filter": lambda: {
                "name": name,
                "datasetGroupArn": group or self.shop.group,
                "filterExpression": "INCLUDE ItemID WHERE Items.PRICE < 30",
            },
            "Solution": lambda: {
                "name": name,
                "datasetGroupArn": group or self.shop.group,
                "recipeArn": f"{RECIPE}aws-popularity-count",
                "performAutoTraining": False,
            },
            "SolutionVersion": lambda: {"solutionArn": self.versions["popularity-count"].rpartition("/")[0]},
            "Campaign": lambda: {"name": name, "solutionVersionArn": self.versions["popularity-count"]},
            "Recommender": lambda: {
                "name": name,
                "datasetGroupArn": group or self.domain.group,
                "recipeArn": f"{RECIPE}aws-ecomm-popular-items-by-views",
            },
            "BatchInferenceJob": lambda: {
                **job,
                "solutionVersionArn": self.versions["user-personalization"],
                "jobInput": {"s3DataSource": {"path": self._put("batch.json", '{"userId": "u1"}\n')}},
                "jobOutput": self._output("batch"),
            },
            "BatchSegmentJob": lambda: {
                **job,
                "solutionVersionArn": self.versions["item-affinity"],
                "jobInput": {"s3DataSource": {"path": self._put("segments.json", '{"itemId": "i1"}\n')}},
                "jobOutput": self._output("segments"),
            },
            "MetricAttribution": lambda: {
                "name": name,
                "datasetGroupArn": group or self.group(),
                "metrics": [{"eventType": "view", "metricName": "views", "expression": "SAMPLECOUNT()"}],
                "metricsOutputConfig": {"roleArn": ROLE},
            },
        }
        return build[kind]() | changes

    def _dataset(self, name: str, group: str | None) -> dict[str, Any]:
        schema = self.make("Schema")
        return {
            "name": name,
            "schemaArn": schema,
            "datasetGroupArn": group or self.group(),
            "datasetType": "Interactions",
        }

    def _output(self, folder: str) -> dict[str, Any]:
        return {"s3DataDestination": {"path": f"s3://{self.shop.bucket}/{folder}/"}}

    def _put(self, key: str, body: str) -> str:
        self.client("s3").put_object(Bucket=self.shop.bucket, Key=key, Body=body.encode())
        return f"s3://{self.shop.bucket}/{key}"
