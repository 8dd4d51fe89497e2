"""The ASGI application: one request in, one answer or AWS error out.

The control plane answers from its own thread (control/); the runtime answers on the event loop from memory (serving/);
events are answered when they are on disk (events/). Nothing a request does can bring the others down: what is not a
modelled error becomes InternalServerError with a line in the log.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recsys.local.personalize import NAMESPACE
from recsys.local.personalize.access import denied, needed
from recsys.local.personalize.attribution.live import Attributions
from recsys.local.personalize.control.clock import REAL_TIME, Clock
from recsys.local.personalize.control.control import Control
from recsys.local.personalize.errors import invalid
from recsys.local.personalize.events.impressions import Shown
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.events.puts import EventsService
from recsys.local.personalize.filters import Clause
from recsys.local.personalize.jobs.queue import Jobs
from recsys.local.personalize.metrics import Meter
from recsys.local.personalize.serving import runtime
from recsys.local.personalize.serving.deployments import Deployments, Serving
from recsys.local.personalize.wire.protocol import Operation, answer, find_operation, parse, refusal
from recsys.local.personalize.wire.rate import Rate
from recsys.local.shared.actor import Actor
from recsys.local.shared.cloudwatch import Publisher
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import Receive, Scope, Send, header, request_id, respond, whole_body
from recsys.local.shared.store import Store, all_tags

log = logging.getLogger(__name__)

ACCOUNT = "000000000000"  # what MiniStack answers GetCallerIdentity with for the placeholder credentials

Params = dict[str, Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body
Denial = Callable[[Scope, str, str, dict[str, str]], str | None]  # why a request may not do an action on a resource


class Personalize:
    """Amazon Personalize over a folder of state; it reads S3 and writes CloudWatch at `endpoint`.

    Without an endpoint both are where boto3 finds them in the environment. `denial` knows what a request's signer may
    do; without it everybody may do everything.
    """

    def __init__(
        self,
        state: Path,
        endpoint: str | None,
        region: str = "us-east-1",
        account: str = ACCOUNT,
        clock: Clock = REAL_TIME,
        requests_per_second: float | None = None,
        denial: Denial = lambda *_: None,
    ) -> None:
        self._denial = denial
        self._folder = Path(state) / "personalize"
        self._endpoint, self._region, self._account, self._clock = endpoint, region, account, clock
        self._rate = Rate(requests_per_second)

    def start(self) -> None:
        """Open the state, take up what was cut short, be ready to answer. Raises LocalError if it cannot be read."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._store = Store(self._folder / "control.sqlite")
        self._events = EventLog(self._folder / "events.sqlite")
        self._actor = Actor("personalize-control")
        self._jobs = Jobs(self._folder / "jobs.log")
        where = (self._account, self._region, self._endpoint)
        self._control = Control(self._folder, self._store, self._actor, self._jobs, *where, self._clock)
        self._shown = Shown()
        self._deployments = Deployments(self._control, self._events)
        self._events_service = EventsService(self._control, self._events, self._shown)
        self._handlers = self._answering()
        self._meter, self._attributions = Meter(self._control), Attributions(self._control, self._events)
        reporters = (self._meter.report, self._attributions.report)
        self._publisher = Publisher(self._endpoint, self._region, NAMESPACE, reporters)
        self._actor.submit(self._control.resume).result()
        self._actor.later(self._events_service.sweep)
        self._actor.later(self._deployments.warm)
        self._publisher.start()

    def _answering(self) -> dict[str, Callable[[Params], Awaitable[Params | None]]]:
        """Who answers each operation of the runtime and events services."""
        return {
            "GetRecommendations": self._get_recommendations,
            "GetPersonalizedRanking": self._get_personalized_ranking,
            "GetActionRecommendations": self._get_action_recommendations,
            "PutEvents": self._events_service.put_events,
            "PutItems": self._events_service.put_items,
            "PutUsers": self._events_service.put_users,
            "PutActions": self._events_service.put_actions,
            "PutActionInteractions": self._events_service.put_action_interactions,
        }

    def health(self) -> dict[str, Any]:
        """The account and region of its ARNs, where its metrics go, how its time passes and what it lets in."""
        return {
            "account": self._account,
            "region": self._region,
            "cloudwatch": self._publisher.where(),
            "clock": asdict(self._clock),
            "requests_per_second": self._rate.per_second,
        }

    def tagged(self) -> dict[str, dict[str, str]]:
        """Tags of every resource by ARN, for the tagging API beside it."""
        return all_tags(self._folder / "control.sqlite")

    def quiesce(self) -> None:
        """Put the last metrics; to be called while CloudWatch, which may be this very server, still answers."""
        self._publisher.stop()

    def stop(self) -> None:
        """Everything acknowledged is on disk already; end the threads and the worker process."""
        self._publisher.stop()
        self._attributions.close()
        self._jobs.close()
        self._actor.close()
        self._deployments.close()
        self._events.close()
        self._store.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await whole_body(receive)
        status, headers, content = await self._answer(scope, body)
        await respond(send, status, content, *headers, (b"x-amzn-requestid", request_id()))

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        target = header(scope, "x-amz-target")
        try:
            operation = find_operation(scope["method"], scope["path"], target)
        except ServiceError as error:
            return refusal(None, error)
        started, params = time.perf_counter(), None
        try:
            self._rate.admit(operation)
            params = parse(operation, body)
            self._check(scope, operation, params)
            answered = answer(operation, await self._perform(operation, params))
        except ServiceError as error:
            answered = refusal(operation, error)
        except Exception as error:
            log.exception("%s failed", operation.name)
            answered = refusal(operation, ServiceError("InternalServerError", f"{type(error).__name__}: {error}", 500))
        if operation.rest:
            seconds = time.perf_counter() - started
            self._meter.answered(operation.name, params or _unchecked(body), answered[0], seconds)
        return answered

    def _check(self, scope: Scope, operation: Operation, params: Params) -> None:
        """Raises AccessDeniedException where the signer may not do it."""
        for action, resource, keys in needed(operation, params, self._control.arn):
            if reason := self._denial(scope, action, resource, keys):
                raise denied(reason, operation)

    async def _perform(self, operation: Operation, params: Params) -> Params | None:
        if not operation.rest:
            self._jobs.start()  # who uses Personalize will have jobs for it
            done = await asyncio.wrap_future(self._actor.submit(lambda: self._control.handle(operation, params)))
            self._meter.created(operation.name, done)
            return done
        return await self._handlers[operation.name](params)

    async def _get_recommendations(self, params: Params) -> Params:
        named = [params[member] for member in ("campaignArn", "recommenderArn") if member in params]
        if len(named) != 1:
            raise invalid("Give either a campaignArn or a recommenderArn")
        deployment = await self._deployments.deployment(named[0])
        promoting = next((each.get("filterArn") for each in params.get("promotions", ())), None)
        chosen = await self._filter(deployment, params.get("filterArn"))
        answered = runtime.get_recommendations(deployment, params, chosen, await self._filter(deployment, promoting))
        return self._remembered(answered, "itemList")

    async def _get_personalized_ranking(self, params: Params) -> Params:
        deployment = await self._deployments.deployment(params["campaignArn"])
        chosen = await self._filter(deployment, params.get("filterArn"))
        return self._remembered(runtime.get_personalized_ranking(deployment, params, chosen), "personalizedRanking")

    async def _get_action_recommendations(self, params: Params) -> Params:
        if "campaignArn" not in params:
            raise invalid("campaignArn must be given")
        deployment = await self._deployments.deployment(params["campaignArn"])
        chosen = await self._filter(deployment, params.get("filterArn"))
        return runtime.get_action_recommendations(deployment, params, chosen)

    def _remembered(self, answered: Params, member: str) -> Params:
        """An answer whose items, those of `member`, are what its recommendationId showed."""
        self._shown.remember(answered["recommendationId"], [entry["itemId"] for entry in answered[member]])
        return answered

    async def _filter(self, deployment: Serving, arn: str | None) -> tuple[Clause, ...] | None:
        return await self._deployments.filter(arn, deployment.group.arn) if arn else None


def _unchecked(body: bytes) -> Params:
    """What a refused request asked for, as far as it can be read."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
