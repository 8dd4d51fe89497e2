"""Campaigns and recommenders in memory: loaded on a thread of their own, swapped in whole, dropped when they end.

Requests are answered from dictionaries; only what is not there yet is fetched from the control plane. While a new
version loads, the old one answers. [AWS does not say with which error a campaign that is not ACTIVE or a recommender
that is stopped refuses to answer; here with ResourceNotFoundException, which names the status.]
"""

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control.control import Control
from recsys.local.personalize.control.kinds.datasets import group_datasets, group_fields
from recsys.local.personalize.control.kinds.imports import replaced_file
from recsys.local.personalize.control.resources import DELETING, KINDS
from recsys.local.personalize.errors import invalid, not_found
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.filters import Clause, check_filter
from recsys.local.personalize.schemas import KEYS, Field
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.actions import ActionDeployment
from recsys.local.personalize.serving.deployment import Artefacts, Config, Deployment
from recsys.local.personalize.serving.group import Group
from recsys.local.shared.store import Resource

log = logging.getLogger(__name__)

SERVING = ("Campaign", "Recommender")
Serving = Deployment | ActionDeployment


@dataclass(frozen=True)
class GroupPlan:
    """What the loading thread needs to know of a dataset group; by dataset type, `fields` by the name in filters."""

    arn: str
    files: Mapping[str, str | None]
    datasets: Mapping[str, str]
    fields: Mapping[str, Mapping[str, Field]]


@dataclass(frozen=True)
class Plan:
    """What the loading thread needs to know of a campaign or recommender."""

    recipe: recipes.Recipe
    folder: Path
    selection: Selection
    config: Config
    group: GroupPlan


class Deployments:
    """What the runtime needs in memory: deployments by the ARN of their campaign or recommender, groups, filters."""

    def __init__(self, control: Control, events: EventLog) -> None:
        self._control, self._events = control, events
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="personalize-loader")
        self._groups: dict[str, Group] = {}
        self._datasets: dict[str, tuple[str, str]] = {}  # dataset ARN -> (group ARN, type)
        self._deployments: dict[str, Serving] = {}
        self._swapping = threading.Lock()  # held while what serves is looked at and changed in one
        self._fetched: dict[str, Future[Any]] = {}
        self._filters: dict[str, tuple[str, tuple[Clause, ...]]] = {}
        control.listeners.append(self._changed)
        events.on_record = self._record
        events.on_forgotten = lambda group: control.actor.later(lambda: self.reload(group))

    def close(self) -> None:
        self._loader.shutdown(cancel_futures=True)

    async def deployment(self, arn: str) -> Serving:
        """A campaign or recommender that serves. Raises ResourceNotFoundException."""
        if arn not in self._deployments:
            await asyncio.wrap_future(await asyncio.wrap_future(self._control.actor.submit(lambda: self._fetch(arn))))
        found = self._deployments.get(arn)
        if found is None:
            raise not_found(f"{arn} does not serve any more.")
        return found

    async def filter(self, arn: str, group: str) -> tuple[Clause, ...]:
        """A filter's clauses. Raises ResourceNotFoundException, InvalidInputException for one of another group."""
        found = self._filters.get(arn)
        if found is None:
            found = await asyncio.wrap_future(self._control.actor.submit(lambda: self._filter(arn)))
        owner, clauses = found
        if owner != group:
            raise invalid(f"Filter {arn} belongs to another dataset group than the campaign")
        return clauses

    # On the control plane's thread

    def warm(self) -> None:
        """After a start: end what a kill left of imports; load what serves, so that the first request need not wait."""
        for job in self._control.store.find("DatasetImportJob", status="ACTIVE"):
            if replaced_file(self._control, job).exists():
                self._imported(job)
        for kind in SERVING:
            for resource in self._control.store.find(kind, status="ACTIVE"):
                self._fetch(resource.arn)

    def reload(self, group: str) -> None:
        """Read a group's data anew, after an import or a deletion; until it is done, answers are as before."""
        self._loader.submit(self._reload, self._group_plan(group)).add_done_callback(_logged)

    def _imported(self, job: Resource) -> None:
        """The records that an import has replaced go from the event log; then the group's data is read anew."""
        group, listed = job.document["_datasetGroupArn"], replaced_file(self._control, job)
        if not listed.exists():
            self.reload(group)
            return
        replaced = self._events.replace_records(job.document["datasetArn"], json.loads(listed.read_text()))
        plan = self._group_plan(group)

        def reload() -> None:
            try:
                replaced.result()
                listed.unlink()
            finally:
                self._reload(plan)

        self._loader.submit(reload).add_done_callback(_logged)

    def _forget(self, job: Resource) -> None:
        """A data deletion: the events go, and what is in memory is read anew without the users; then it is done."""
        group, deletion = job.document["datasetGroupArn"], job.document["_plan"]
        listed = Path(deletion["users"])  # gone where a start got as far as the end before it was killed
        users = json.loads(listed.read_text()) if listed.exists() else []
        plan = self._group_plan(group)
        deleted = self._events.delete_users(group, plan.datasets.get("USERS", ""), users)

        def forget() -> None:
            deleted.result()
            self._reload(plan)

        def forgotten(done: Future[None]) -> None:
            failure = done.exception()
            result = {"failureReason": f"{type(failure).__name__}: {failure}"} if failure else {}
            result["numDeleted"] = deletion["deleted"]
            self._control.settle(job.arn, lambda: self._control.finish(job.arn, result))

        self._loader.submit(forget).add_done_callback(forgotten)

    def _fetch(self, arn: str) -> Future[Any]:
        """Load what is ACTIVE and not in memory, once, however many ask."""
        if arn not in self._fetched or self._fetched[arn].done():
            resource = self._control.store.get(arn)
            if resource is None or resource.kind not in SERVING:
                raise not_found(f"{arn} does not exist.")
            if resource.status != "ACTIVE":
                raise not_found(f"{resource.kind} {arn} is in status {resource.status}; it must be ACTIVE.")
            self._fetched[arn] = self._loader.submit(self._load_unless_ended, arn, self._plan(resource))
        return self._fetched[arn]

    def _changed(self, what: str, resource: Resource) -> None:
        if what == "deploy":
            self._deploy(resource)
        elif what == "training":  # something to deploy will follow: have the heavy imports done by then
            self._loader.submit(import_module, "recsys.models")
        elif what == "finished" and resource.kind == "DatasetImportJob" and resource.status == "ACTIVE":
            self._imported(resource)
        elif what in ("finished", "updated") and resource.kind == "Dataset":  # a new dataset, or a new schema
            self.reload(resource.document["datasetGroupArn"])
        elif what == "forget":
            self._forget(resource)
        elif what in ("stopped", "erased"):
            with self._swapping:
                for held in (self._deployments, self._fetched, self._filters, self._groups, self._datasets):
                    held.pop(resource.arn, None)
            if resource.kind == "Dataset":  # its file is gone
                self.reload(resource.document["datasetGroupArn"])

    def _deploy(self, resource: Resource) -> None:
        """Load what the resource is to serve, or to serve next, then let the control plane know."""
        arn = resource.arn

        def installed(loaded: Future[Serving]) -> None:
            failure = loaded.exception()
            if failure:
                log.error("%s could not be loaded", arn, exc_info=failure)
            self._control.settle(arn, lambda: self._install(arn, loaded, failure))

        plan, old = self._plan(resource, latest=True), self._deployments.get(arn)
        self._loader.submit(self._load, plan, old).add_done_callback(installed)

    def _install(self, arn: str, loaded: Future[Serving], failure: BaseException | None) -> None:
        """In place first, so that who sees ACTIVE is answered by it; then the status."""
        resource = self._control.store.get(arn)
        if resource and resource.status not in DELETING and not failure:
            with self._swapping:
                self._deployments[arn] = loaded.result()
            group = loaded.result().group
            if group is not self._groups.get(group.arn):  # it was read anew meanwhile
                self.reload(group.arn)
        reason = f"{type(failure).__name__}: {failure}" if failure else None
        self._control.finish(arn, {"failureReason": reason} if reason else {})
        self._control.finish_update(arn, reason)

    def _plan(self, resource: Resource, latest: bool = False) -> Plan:
        """latest: as the update under way will have it, if there is one."""
        document = resource.document
        if latest and self._control.updating(resource):
            document = document | document[KINDS[resource.kind].update or ""]
        if resource.kind == "Campaign":
            trained = self._control.resource(document["solutionVersionArn"], "SolutionVersion").document
            config = document.get("campaignConfig", {})
            training = trained.get("solutionConfig", {}).get("trainingDataConfig")
        else:
            trained, config = document, document.get("recommenderConfig", {})
            training = config.get("trainingDataConfig")
        recipe = recipes.by_arn(trained["recipeArn"])
        return Plan(
            recipe=recipe,
            folder=Path(trained["_folder"]),
            selection=Selection.of_document(trained),
            config=Config.of(config, recipe, training),
            group=self._group_plan(trained["datasetGroupArn"]),
        )

    def _group_plan(self, group: str) -> GroupPlan:
        datasets = group_datasets(self._control, group)
        for kind, dataset in datasets.items():
            self._datasets[dataset.arn] = (group, kind)
        return GroupPlan(
            arn=group,
            files={kind: dataset.document.get("_file") for kind, dataset in datasets.items()},
            datasets={kind: dataset.arn for kind, dataset in datasets.items()},
            fields=group_fields(self._control, group),
        )

    def _filter(self, arn: str) -> tuple[str, tuple[Clause, ...]]:
        found = self._control.resource(arn, "Filter").document
        if found["status"] != "ACTIVE":
            raise invalid(f"Filter {arn} is in status {found['status']}; it must be ACTIVE")
        group = found["datasetGroupArn"]
        self._filters[arn] = group, check_filter(found["filterExpression"], group_fields(self._control, group))
        return self._filters[arn]

    # On the loading thread

    def _load_unless_ended(self, arn: str, plan: Plan) -> None:
        """Load what was asked for, unless it was stopped or deleted meanwhile."""
        loaded = self._load(plan)
        with self._swapping:
            if arn in self._fetched:
                self._deployments.setdefault(arn, loaded)

    def _reload(self, plan: GroupPlan) -> None:
        if plan.arn not in self._groups:
            return
        group = self._read_group(plan)
        for arn, old in list(self._deployments.items()):
            if old.group.arn == group.arn:
                renewed = old.on(group)
                with self._swapping:  # an update may have come first
                    if self._deployments.get(arn) is old:
                        self._deployments[arn] = renewed

    def _load(self, plan: Plan, old: Serving | None = None) -> Serving:
        """A deployment of a plan; one that serves the same artefacts lends them."""
        group = self._groups.get(plan.group.arn) or self._read_group(plan.group)
        same = old is not None and old.artefacts.folder == plan.folder
        artefacts = old.artefacts if same else Artefacts.read(plan.folder)
        self._loader.submit(artefacts.warm)
        if plan.recipe.type == recipes.ACTIONS:
            return ActionDeployment(artefacts, plan.recipe, group, plan.config)
        day = self._control.clock.day_seconds
        return Deployment(artefacts, plan.recipe, plan.selection, group, plan.config, day)

    def _read_group(self, plan: GroupPlan) -> Group:
        group = Group.read(plan.arn, plan.files, plan.fields, self._events.live_of(plan.arn))
        with self._events.lock:  # no record may come between reading and listening
            for kind, arn in plan.datasets.items():
                for key, document in self._events.records.get(arn, {}).items() if kind in KEYS else ():
                    group.record(kind, key, document)
            self._groups[plan.arn] = group
        return group

    # On the event writer's thread, with its lock held

    def _record(self, dataset: str, key: str, document: dict[str, Any]) -> None:
        group_arn, kind = self._datasets.get(dataset, ("", ""))
        if group_arn in self._groups and kind in KEYS:
            self._groups[group_arn].record(kind, key, document)


def _logged(done: Future[Any]) -> None:
    if not done.cancelled() and done.exception():
        log.error("a dataset group could not be read anew", exc_info=done.exception())
