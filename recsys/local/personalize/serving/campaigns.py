"""Campaigns in memory: loaded on a thread of their own, swapped in whole, dropped when they are deleted.

Requests are answered from `serving` dictionaries; only what is not there yet is fetched from the control plane. While a
new version loads, the old one answers.
"""

import asyncio
import json
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control.control import Control
from recsys.local.personalize.control.kinds.datasets import group_datasets, group_fields
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.errors import invalid, not_found
from recsys.local.personalize.events.log import EventLog, Live
from recsys.local.personalize.filters import Clause, Table, check_filter
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.campaign import Campaign
from recsys.local.personalize.serving.catalogue import Group, Interactions

log = logging.getLogger(__name__)


class Campaigns:
    """What the runtime needs in memory: campaigns, their groups, filters and configurations."""

    def __init__(self, control: Control, events: EventLog) -> None:
        self._control, self._events = control, events
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="personalize-loader")
        self._groups: dict[str, Group] = {}
        self._datasets: dict[str, tuple[str, str]] = {}  # dataset ARN -> (group ARN, type)
        self._campaigns: dict[str, Campaign] = {}
        self._fetched: dict[str, Future[Any]] = {}
        self._metadata: dict[str, bool] = {}
        self._filters: dict[str, tuple[str, tuple[Clause, ...]]] = {}
        control.listeners.append(self._changed)
        events.on_record = self._record

    def close(self) -> None:
        self._loader.shutdown(cancel_futures=True)

    async def campaign(self, arn: str) -> tuple[Campaign, bool]:
        """A campaign that serves, and whether it may return metadata. Raises ResourceNotFoundException."""
        if arn not in self._campaigns:
            await asyncio.wrap_future(await asyncio.wrap_future(self._control.actor.submit(lambda: self._fetch(arn))))
        return self._campaigns[arn], self._metadata.get(arn, False)

    async def filter(self, arn: str, group: str) -> tuple[Clause, ...]:
        """A filter's clauses. Raises ResourceNotFoundException, InvalidInputException for one of another group."""
        if arn not in self._filters:
            self._filters[arn] = await asyncio.wrap_future(self._control.actor.submit(lambda: self._filter(arn)))
        owner, clauses = self._filters[arn]
        if owner != group:
            raise invalid(f"Filter {arn} belongs to another dataset group than the campaign")
        return clauses

    def live(self, group: str) -> Live:
        return self._events.live[group]

    # On the control plane's thread

    def warm(self) -> None:
        """After a start: load what serves, so that the first request need not wait for it."""
        for campaign in self._control.store.find("Campaign", status="ACTIVE"):
            self._fetch(campaign.arn)

    def _fetch(self, arn: str) -> Future[Any]:
        """Load a campaign that is ACTIVE and not in memory, once, however many ask."""
        if arn not in self._fetched or self._fetched[arn].done():
            plan = self._plan_of(arn)
            self._fetched[arn] = self._loader.submit(lambda: self._campaigns.setdefault(arn, self._load(plan)))
        return self._fetched[arn]

    def _changed(self, what: str, resource: Resource) -> None:
        arn = resource.arn
        if what == "deploy":
            self._deploy(resource)
        elif what == "training":  # a campaign will follow: have the heavy imports done by then
            self._loader.submit(import_module, "recsys.models")
        elif what == "finished" and resource.kind == "DatasetImportJob" and resource.status == "ACTIVE":
            self._refresh(resource.document["datasetArn"])
        elif what == "forget":
            self._forget(resource)
        elif what == "erased":
            self._campaigns.pop(arn, None)
            self._filters.pop(arn, None)
            self._groups.pop(arn, None)

    def _deploy(self, campaign: Resource) -> None:
        """Load a campaign's version, or the one it is being updated to, then let the control plane know."""
        arn = campaign.arn
        version = campaign.document.get("latestCampaignUpdate", campaign.document)["solutionVersionArn"]

        def installed(loaded: Future[Campaign]) -> None:
            failure = loaded.exception()
            if failure:
                log.error("%s could not be loaded", arn, exc_info=failure)
            self._control.settle(arn, lambda: self._install(arn, loaded, failure))

        self._loader.submit(self._load, self._plan(version)).add_done_callback(installed)

    def _install(self, arn: str, loaded: Future[Campaign], failure: BaseException | None) -> None:
        reason = f"{type(failure).__name__}: {failure}" if failure else None
        self._control.finish(arn, {"failureReason": reason} if reason else {})
        self._control.finish_update(arn, reason)
        campaign = self._control.store.get(arn)
        if campaign and not failure:
            self._campaigns[arn] = loaded.result()
            self._remember(campaign)

    def _remember(self, campaign: Resource) -> None:
        config = campaign.document.get("campaignConfig", {})
        self._metadata[campaign.arn] = config.get("enableMetadataWithRecommendations", False)

    def _plan_of(self, arn: str) -> dict[str, Any]:
        resource = self._control.store.get(arn)
        if resource is None or resource.kind != "Campaign":
            raise not_found(f"Campaign {arn} does not exist.")
        if resource.status != "ACTIVE":
            raise not_found(f"Campaign {arn} is in status {resource.status}; it must be ACTIVE.")
        self._remember(resource)
        return self._plan(resource.document["solutionVersionArn"])

    def _plan(self, version_arn: str) -> dict[str, Any]:
        """What the loading thread needs to know of a solution version and its group."""
        version = self._control.resource(version_arn, "SolutionVersion").document
        return {
            "version": version_arn,
            "recipe": recipes.by_arn(version["recipeArn"]),
            "folder": Path(version["_folder"]),
            "selection": Selection.of_document(version),
            **self._group_plan(version["datasetGroupArn"]),
        }

    def _group_plan(self, group: str) -> dict[str, Any]:
        datasets = group_datasets(self._control, group)
        for kind, dataset in datasets.items():
            self._datasets[dataset.arn] = (group, kind)
        return {
            "group": group,
            "files": {kind: dataset.document.get("_file") for kind, dataset in datasets.items()},
            "arns": {kind: dataset.arn for kind, dataset in datasets.items()},
            "fields": group_fields(self._control, group),
        }

    def _filter(self, arn: str) -> tuple[str, tuple[Clause, ...]]:
        found = self._control.resource(arn, "Filter").document
        if found["status"] != "ACTIVE":
            raise invalid(f"Filter {arn} is in status {found['status']}; it must be ACTIVE")
        group = found["datasetGroupArn"]
        return group, check_filter(found["filterExpression"], group_fields(self._control, group))

    def _refresh(self, dataset: str) -> None:
        """New bulk data: campaigns of the group get their histories anew; until then they answer from the old."""
        group = self._control.resource(dataset).document["datasetGroupArn"]
        if group in self._groups:
            self._loader.submit(self._reload, self._group_plan(group), self._plans_of(group))

    def _plans_of(self, group: str) -> dict[str, dict[str, Any]]:
        """The plan of every campaign of a group that is in memory."""
        return {
            arn: self._plan(campaign.version_arn)
            for arn, campaign in self._campaigns.items()
            if campaign.group.arn == group
        }

    def _forget(self, job: Resource) -> None:
        """A data deletion: the events go, and what is in memory is read anew without the users; then it is done."""
        group, plan = job.document["datasetGroupArn"], job.document["_plan"]
        listed = Path(plan["users"])  # gone where a start got as far as the end before it was killed
        users = json.loads(listed.read_text()) if listed.exists() else []
        plans, group_plan = self._plans_of(group), self._group_plan(group)
        events = self._events.delete_users(group, group_plan["arns"].get("USERS", ""), users)

        def forget() -> None:
            events.result()
            if group in self._groups:
                self._reload(group_plan, plans)

        def forgotten(future: Future[None]) -> None:
            failure = future.exception()
            result = {"failureReason": f"{type(failure).__name__}: {failure}"} if failure else {}
            self._control.settle(
                job.arn, lambda: self._control.finish(job.arn, result | {"numDeleted": plan["deleted"]})
            )

        self._loader.submit(forget).add_done_callback(forgotten)

    # On the loading thread

    def _reload(self, plan: dict[str, Any], plans: dict[str, dict[str, Any]]) -> None:
        self._groups[plan["group"]] = self._read_group(plan)
        for arn, each in plans.items():
            if arn in self._campaigns:
                self._campaigns[arn] = self._load(each)

    def _load(self, plan: dict[str, Any]) -> Campaign:
        group = self._groups.get(plan["group"])
        if group is None:
            group = self._groups[plan["group"]] = self._read_group(plan)
        return Campaign.read(plan["version"], plan["recipe"], plan["folder"], plan["selection"], group)

    def _read_group(self, plan: dict[str, Any]) -> Group:
        files, arns, fields = plan["files"], plan["arns"], plan["fields"]
        interactions = Interactions.read(files.get("INTERACTIONS"))
        with self._events.lock:
            records = {kind: dict(self._events.records.get(arn, {})) for kind, arn in arns.items()}
            items = Table("ITEM_ID", fields.get("Items", {}), files.get("ITEMS"), records.get("ITEMS", {}))
            users = Table("USER_ID", fields.get("Users", {}), files.get("USERS"), records.get("USERS", {}))
            group = Group(plan["group"], items, users, interactions)
            self._groups[plan["group"]] = group
        return group

    # On the event writer's thread, with its lock held

    def _record(self, dataset: str, key: str, document: dict[str, Any]) -> None:
        group_arn, kind = self._datasets.get(dataset, ("", ""))
        group = self._groups.get(group_arn)
        if group and kind == "ITEMS":
            group.items.put(key, document)
        elif group and kind == "USERS":
            group.users.put(key, document)
