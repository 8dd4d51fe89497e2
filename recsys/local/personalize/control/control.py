"""The control plane: Create, Describe, List, Delete, Update and tags over the table of resource types; life cycles.

Everything here runs on one thread, each request in one transaction that is on disk before the answer leaves. What is
special about a kind is its rule in kinds/; operations that are none of the five verbs are in operations.py.

Life cycle: CREATE PENDING, then CREATE IN_PROGRESS, each for STEP seconds at least so that both can be seen; at last
ACTIVE or CREATE FAILED. Kinds with real work stay in progress until it is done. An update runs the same course in a
member of its resource, which serves on meanwhile. Deletes pass through DELETE PENDING and DELETE IN_PROGRESS, and the
last status is answered once more before ResourceNotFoundException: programs wait for a delete by describing what they
deleted, and some never end if it is gone at once.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from recsys.local.personalize.control import operations, schedule
from recsys.local.personalize.control.clock import REAL_TIME, Clock
from recsys.local.personalize.control.kinds import RULES
from recsys.local.personalize.control.kinds.campaigns import follow_latest
from recsys.local.personalize.control.resources import (
    ACTIVE,
    BUSY,
    COURSES,
    CREATE,
    DELETING,
    KINDS,
    MOST_TAGS,
    STEP,
    Course,
    Kind,
)
from recsys.local.personalize.errors import exists, in_use, not_found, over_limit
from recsys.local.personalize.jobs.queue import Jobs
from recsys.local.personalize.wire.protocol import Operation
from recsys.local.shared.actor import Actor
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.store import Resource, Store
from recsys.local.shared.tokens import make_token, read_token

log = logging.getLogger(__name__)

PAGE = 100
LATEST = "/$LATEST"
SHOWN = ("status", "creationDateTime", "lastUpdatedDateTime", "failureReason")  # of an update, beside its change

Params = dict[str, Any]


class Control:
    """The state of the control plane and the operations on it. Call everything on the actor's thread."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        actor: Actor,
        jobs: Jobs,
        account: str,
        region: str,
        endpoint: str | None,
        clock: Clock = REAL_TIME,
    ) -> None:
        self.folder, self.store, self.actor, self.jobs = folder, store, actor, jobs
        self.account, self.region, self.endpoint, self.clock = account, region, endpoint, clock
        self.listeners: list[Callable[[str, Resource], None]] = [partial(follow_latest, self)]

    def handle(self, operation: Operation, params: Params) -> Params | None:
        """Answer one control plane request. Raises ServiceError."""
        with self.store.transaction():
            handler = operations.OPERATIONS.get(operation.name)
            if handler:
                return handler(self, params)
            verb, kind = _verb_and_kind(operation.name)
            return getattr(self, verb.lower())(kind, operation, params)

    # Create

    def create(self, kind: Kind, operation: Operation, params: Params) -> Params:
        """A new resource in CREATE PENDING. The document has the request's members, plus what its rule adds."""
        parents = [self.parent(params[member], _kind_of(member)) for member in kind.parents]
        tags = params.pop("tags", [])
        if len(tags) > MOST_TAGS:
            raise ServiceError("TooManyTagsException", f"A resource can have {MOST_TAGS} tags at most")
        document = dict(params)
        fields = {"name": params.get(kind.name_member), **RULES[kind.name].prepare(self, document, parents)}
        arn = self.arn(kind.path.format(**fields))
        if self.store.get(arn):
            raise exists(f"Another resource with Amazon Resource Name (ARN) {arn} already exists.")
        self._check_quota(kind, document)
        now = time.time()
        document.update(creationDateTime=now, lastUpdatedDateTime=now)
        member = next(name for name in operation.model.output_shape.members if name.endswith("Arn"))
        document[member] = arn
        if kind.life:
            document["status"] = kind.course.pending
        resource = Resource(arn, kind.name, document)
        self.store.add(resource)
        self.store.tag(arn, operations.tags_of(tags))
        if kind.life:
            self.actor.later(lambda: self.begin(arn), STEP)
        return document

    def parent(self, arn: str, kind: str) -> Resource:
        """A resource that others may be created under. Raises ResourceNotFoundException, ResourceInUseException.

        `<solution>/$LATEST` names the newest ACTIVE version of a solution.
        """
        latest = arn.endswith(LATEST)
        resource = self.latest_version(arn.removesuffix(LATEST)) if latest else self.resource(arn, kind)
        if resource.status in DELETING or (KINDS[resource.kind].ready and resource.status != ACTIVE):
            raise in_use(f"{arn} is in status {resource.status}; it must be ACTIVE")
        solution = self.store.get(resource.document.get("solutionArn", ""))
        if solution and solution.status in DELETING:  # its versions go with it
            raise in_use(f"{arn} goes with its solution, which is in status {solution.status}")
        return resource

    def latest_version(self, solution_arn: str) -> Resource:
        """The newest ACTIVE version of a solution. Raises ResourceNotFoundException."""
        self.resource(solution_arn, "Solution")
        versions = self.store.find("SolutionVersion", solutionArn=solution_arn, status=ACTIVE)
        if not versions:
            raise not_found(f"Solution {solution_arn} has no solution version that is ACTIVE.")
        return versions[-1]

    def resource(self, arn: str, kind: str | None = None) -> Resource:
        """Raises ResourceNotFoundException."""
        found = self.store.get(arn)
        if found is None or kind not in (None, found.kind):
            raise not_found(f"Resource with Amazon Resource Name (ARN) {arn} does not exist.")
        return found

    def arn(self, path: str) -> str:
        return f"arn:aws:personalize:{self.region}:{self.account}:{path}"

    def _check_quota(self, kind: Kind, document: Params) -> None:
        quota = kind.quota
        if quota is None:
            return
        scope = {quota.member: document[quota.member]} if quota.member else {}
        states: list[Params] = [{"status": status} for status in BUSY] if quota.only_busy else [{}]
        if sum(self.store.count(kind.name, **scope, **state) for state in states) >= quota.most:
            within = f" in {document[quota.member]}" if quota.member else ""
            message = quota.message or "More than {most} " + f"{kind.name} resources{within}."
            raise over_limit(message.format(most=quota.most))

    # Life cycle

    def start(self, resource: Resource, course: Course) -> None:
        """Set out on a course: pending now, and begun as soon as that could be seen."""
        self.set_status(resource, course.pending)
        self.actor.later(lambda: self.begin(resource.arn), STEP)

    def begin(self, arn: str) -> None:
        """In progress, and the real work, if there is any."""
        with self.store.transaction():
            resource = self.store.get(arn)
            if resource is None or resource.status not in BUSY:
                return
            rule, course = RULES[resource.kind], COURSES[resource.status]
            if resource.status == course.pending and rule.waits(self, resource):
                self.actor.later(lambda: self.begin(arn), STEP)
                return
            self.set_status(resource, course.in_progress)
        if rule.work is None:
            self.actor.later(lambda: self.finish(arn, {}), STEP)
            return
        try:
            rule.work(self, resource)
        except Exception as error:
            log.exception("%s could not begin", arn)
            self.finish(arn, {"failureReason": str(error)})

    def run_job(self, arn: str, task: str, spec: Params, then: Callable[[Params], None] | None = None) -> None:
        """Give a job to the worker process; its result ends the resource's creation, or goes to `then`."""
        end = then or (lambda result: self.finish(arn, result))

        def done(result: Params) -> None:
            self.settle(arn, lambda: end(result))

        self.jobs.submit(arn, task, spec, done)

    def settle(self, arn: str, end: Callable[[], None]) -> None:
        """End work from any thread, not before its being in progress could be seen."""

        def when_seen() -> None:
            resource = self.store.get(arn)
            since = max(_changed_at(resource)) if resource else 0.0
            self.actor.later(end, since + STEP - time.time())

        self.actor.later(when_seen)

    def finish(self, arn: str, result: Params) -> None:
        """Done with the members of `result`, or failed if it has a failureReason."""
        with self.store.transaction():
            resource = self.store.get(arn)
            course = COURSES.get(resource.status) if resource else None
            if course is None or resource.status != course.in_progress:
                return
            resource.document.update(result)
            self.set_status(resource, course.failed if result.get("failureReason") else course.done)
            RULES[resource.kind].finished(self, resource)
        self.tell("finished", resource)

    def set_status(self, resource: Resource, status: str) -> None:
        resource.document.update(status=status, lastUpdatedDateTime=time.time())
        self.store.save(resource)

    def tell(self, what: str, resource: Resource) -> None:
        """Let those who hold a resource in memory know that it has changed."""
        for listener in self.listeners:
            listener(what, resource)

    def resume(self) -> None:
        """Take up at a start what the last stop, however hard, cut short."""
        for kind in KINDS.values():
            for resource in self.store.find(kind.name):
                try:
                    self._take_up(resource)
                except Exception:
                    log.exception("%s could not be taken up", resource.arn)
        if self.clock.auto_training:
            schedule.train_what_is_due(self)

    def _take_up(self, resource: Resource) -> None:
        if resource.status in BUSY:
            self.begin(resource.arn)
        elif resource.status in DELETING:
            self.erase(resource.arn)
        elif self.updating(resource):
            self.begin_update(resource.arn)
        elif resource.kind == "Campaign":
            follow_latest(self, "finished", resource)
        operations.resume(self, resource)

    # Describe and List

    def describe(self, kind: Kind, operation: Operation, params: Params) -> Params:
        (arn,) = params.values()
        resource = self.store.get(arn) or self.store.last_sight(arn)
        if resource is None or resource.kind != kind.name:
            raise not_found(f"Resource with Amazon Resource Name (ARN) {arn} does not exist.")
        (wrapper,) = operation.model.output_shape.members
        return {wrapper: RULES[kind.name].described(self, resource)}

    def list(self, kind: Kind, operation: Operation, params: Params) -> Params:
        limit = params.pop("maxResults", PAGE)
        after = read_token(params.pop("nextToken", None), operation.name)
        member = next(name for name in operation.model.output_shape.members if name != "nextToken")
        found = self.store.find(kind.name, after=after, limit=limit + 1, **RULES[kind.name].scope(self, params))
        page = {member: [resource.document for resource in found[:limit]]}
        if len(found) > limit:
            page["nextToken"] = make_token(operation.name, found[limit - 1].number)
        return page

    # Update

    def update(self, kind: Kind, operation: Operation, params: Params) -> Params:
        """What is asked for becomes the resource's when it has been worked out; until then it is as it was."""
        (member,) = operation.model.output_shape.members
        resource = self.resource(params.pop(member, ""), kind.name)  # AWS's model does not require all of them
        if resource.status not in (ACTIVE, CREATE.failed):
            raise in_use(f"{resource.arn} is in status {resource.status}; it must be ACTIVE or CREATE FAILED")
        if self.updating(resource):
            raise in_use(f"{resource.arn} is being updated: {_latest_update(resource)['status']}")
        rule = RULES[kind.name]
        change = rule.change(self, resource, params)
        if kind.update:
            self.start_update(resource, change)
        else:
            rule.changed(self, resource, change)
            self.set_status(resource, ACTIVE)
        return {member: resource.arn}

    def start_update(self, resource: Resource, change: Params) -> None:
        """Set out on an update to the members of `change`."""
        now = time.time()
        times = {"creationDateTime": now, "lastUpdatedDateTime": now}
        resource.document[KINDS[resource.kind].update] = {**change, "status": CREATE.pending, **times}
        self.store.save(resource)
        self.actor.later(lambda: self.begin_update(resource.arn), STEP)

    def begin_update(self, arn: str) -> None:
        """The update's CREATE IN_PROGRESS, and its work, if there is any."""
        with self.store.transaction():
            resource = self.store.get(arn)
            if resource is None or not self.updating(resource):
                return
            self._set_update(resource, status=CREATE.in_progress)
        rule = RULES[resource.kind]
        if rule.update is None:
            self.actor.later(lambda: self.finish_update(arn, None), STEP)
            return
        try:
            rule.update(self, resource)
        except Exception as error:
            log.exception("the update of %s could not begin", arn)
            self.finish_update(arn, str(error))

    def finish_update(self, arn: str, failure: str | None) -> None:
        """The update holds from now on; or it failed and everything stays as it was."""
        try:
            with self.store.transaction():
                resource = self.store.get(arn)
                latest = _latest_update(resource) if resource else {}
                if latest.get("status") != CREATE.in_progress:  # one that was asked for this moment has not begun
                    return
                if failure:
                    self._set_update(resource, status=CREATE.failed, failureReason=failure)
                    return
                change = {name: value for name, value in latest.items() if name not in SHOWN}
                RULES[resource.kind].changed(self, resource, change)
                resource.document.pop("failureReason", None)
                self.set_status(resource, ACTIVE)
                self._set_update(resource, status=ACTIVE)
        except ServiceError as error:  # what it needs is gone
            self.finish_update(arn, error.message)
            return
        self.tell("updated", resource)

    def busy(self, resource: Resource) -> bool:
        """Whether the resource is being made or updated."""
        return resource.status in BUSY or self.updating(resource)

    def updating(self, resource: Resource) -> bool:
        """Whether an update of the resource is asked for or under way."""
        return _latest_update(resource).get("status") in BUSY

    def _set_update(self, resource: Resource, **members: str) -> None:
        _latest_update(resource).update(members, lastUpdatedDateTime=time.time())
        self.store.save(resource)

    # Delete

    def delete(self, kind: Kind, operation: Operation, params: Params) -> None:
        (arn,) = params.values()
        resource = self.resource(arn, kind.name)
        if resource.status in DELETING:
            return
        self._check_blockers(kind, resource)
        if not kind.life:
            self.store.remove(arn)
            return
        self.set_status(resource, "DELETE PENDING")
        self.actor.later(lambda: self._deleting(arn), STEP)

    def _check_blockers(self, kind: Kind, resource: Resource) -> None:
        if resource.status in BUSY:
            raise in_use(f"{resource.arn} is in status {resource.status}; it can be deleted when it is ACTIVE")
        for blocker in kind.blockers:
            value = resource.document.get(blocker.member, resource.arn) if blocker.only_busy else resource.arn
            for other in self.store.find(blocker.kind, **{blocker.member: value}):
                if self.busy(other) or not (blocker.only_busy or "_hidden" in other.document):
                    state = "being updated" if self.updating(other) else f"in status {other.status}"
                    raise in_use(f"{resource.arn} cannot be deleted: {other.arn} is {state}")

    def _deleting(self, arn: str) -> None:
        with self.store.transaction():
            resource = self.store.get(arn)
            if resource:
                self.set_status(resource, "DELETE IN_PROGRESS")
        self.actor.later(lambda: self.erase(arn), STEP)

    def erase(self, arn: str) -> None:
        """Gone, with everything that goes with it: files first, so that a start after a kill finds what to erase."""
        resource = self.store.get(arn)
        if resource is None:
            return
        gone = [resource]
        for follower, member in KINDS[resource.kind].follows:
            gone += self.store.find(follower, **{member: arn})
        for each in gone:
            RULES[each.kind].erased(self, each)
        with self.store.transaction():
            for each in gone:
                self.store.bury(each) if each is resource else self.store.remove(each.arn)
        for each in gone:
            self.tell("erased", each)


def _kind_of(member: str) -> str:
    """The kind a member names: solutionVersionArn names a SolutionVersion."""
    return member[0].upper() + member.removesuffix("Arn")[1:]


def _verb_and_kind(operation: str) -> tuple[str, Kind]:
    """What an operation does to which kind: CreateCampaign, ListCampaigns."""
    verb = next(verb for verb in ("Create", "Describe", "Delete", "Update", "List") if operation.startswith(verb))
    name = operation.removeprefix(verb)
    return verb, KINDS[name.removesuffix("s") if verb == "List" else name]


def _latest_update(resource: Resource) -> Params:
    """The member that shows the progress of the latest update; empty if there was none."""
    return resource.document.get(KINDS[resource.kind].update or "", {})


def _changed_at(resource: Resource) -> list[float]:
    """When the resource and its latest update last changed their status, epoch seconds."""
    return [each.get("lastUpdatedDateTime", 0.0) for each in (resource.document, _latest_update(resource))]
