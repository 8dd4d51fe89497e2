"""MiniStack with every mend, and its life: recover, serve, save, stop."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import lambda_runtime

from recsys.local.addresses import CLOCK
from recsys.local.aws import cloudwatch, dynamodb, eventbridge, iam, kinesis, lambda_, s3, state, xray
from recsys.local.aws.cloudwatch.alarms import AlarmClock
from recsys.local.aws.eventbridge import clock
from recsys.local.aws.iam import calls, permissions
from recsys.local.aws.kinesis.lanes import Lanes
from recsys.local.aws.kinesis.poller import KinesisPoller
from recsys.local.aws.kinesis.stream_log import StreamLog
from recsys.local.aws.lambda_ import async_calls, roles, threads
from recsys.local.aws.own_clients import clients
from recsys.local.aws.s3 import failed_writes
from recsys.local.aws.state import capture, queue_addresses
from recsys.local.aws.state.autosave import Autosave
from recsys.local.aws.state.store import Store
from recsys.local.shared.http import Receive, Scope, Send, header

PERSONALIZE_SCOPE = "/personalize/aws4_request"
API = "/restapis/"
DRAIN_SECONDS = 10.0  # how long a stop waits for the batches in progress
SERVICES = (cloudwatch, dynamodb, eventbridge, iam, lambda_, s3)  # in any order: no two change the same function

Tagged = dict[str, Callable[[], dict[str, dict[str, str]]]]  # by service, the tags of its resources by ARN

logger = logging.getLogger(__name__)


class MiniStack:
    """The stock services, mended, with their state under `folder`; `tagged`: the tags of our own services."""

    def __init__(self, endpoint: str, folder: Path, tagged: Tagged) -> None:
        self.recovered: dict[str, Any] = {}
        self._refused: list[str] = []  # services whose state could not be restored
        self.store = Store(folder / "state.sqlite")
        self.lanes = Lanes()
        self.log = StreamLog(folder / "streams.sqlite", lambda arn: self.poller.arrived(arn))
        client = clients(endpoint)
        self.poller = KinesisPoller(self.log, client, self.lanes)
        self.autosave = Autosave(self.store, self.poller.saved_view, lambda: dict(self.poller.starts))
        self.alarms = AlarmClock(self._prune)
        self._install(endpoint, client, tagged)

    def _install(self, endpoint: str, client: Callable[..., Any], tagged: Tagged) -> None:
        for service in SERVICES:
            service.install()
        state.install(self.autosave)  # around DynamoDB's writes: an item has changed once it is there
        kinesis.install(self.log, self.poller, self.autosave.save)
        self.daemon = xray.install(lambda config, action: roles.of_function(config, action, "*") is None)
        app._get_module = _mending_when_loaded(app._get_module, endpoint, client, tagged)

    def takes(self, scope: Scope) -> bool:
        """Whether a request is for one of the services here: all that is not signed for Personalize."""
        return PERSONALIZE_SCOPE not in header(scope, "authorization")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a lifespan is passed through."""
        if scope["type"] != "http":
            await app.app(scope, receive, send)
            return
        if scope["path"] == CLOCK:
            await clock.answer(receive, send)
            return
        if xray.SCOPE in header(scope, "authorization"):
            await xray.answer(xray.traces, scope, receive, send)
            return
        if scope["path"].startswith(API):
            from recsys.local.aws.apigateway.metrics import (
                timed,  # here, as a server without an API need not wait for it
            )

            send = timed(scope["path"], send)
        try:
            with permissions.checked(scope), xray.continued(scope):
                await app.app(scope, receive, send)
        finally:
            self.autosave.changed()  # a request was answered, so something may have changed

    def calls(self) -> list[dict[str, Any]]:
        """What each role asked for since the start, and whether it was allowed."""
        return calls.listed()

    def recover(self) -> None:
        """Bring back what was saved, and tell how old it is; then begin to save."""
        saved, checkpoints = self.store.rows(), self.store.checkpoints()
        states = capture.restored(queue_addresses.renewed(saved))
        cut = _running(states)
        self._refused = capture.load(states)
        records = self.log.recover()
        self._prune()
        self.poller.restore(checkpoints)
        self.recovered = self._account(records, bool(saved), cut)
        self.store.commit({}, (), None, clean=0.0)
        self.autosave.start(saved, checkpoints, self._refused)
        self.alarms.start()
        async_calls.resume()

    def _prune(self) -> None:
        if "kinesis" not in self._refused:
            self.log.prune()

    def _account(self, records: int, anything: bool, cut: int) -> dict[str, Any]:
        saved_at, clean = self.store.fact("saved_at"), self.store.fact("clean") != 0.0
        account = {"saved_at": saved_at, "clean": clean, "records": records, "refused": self._refused, "message": ""}
        if not anything:
            return account
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(saved_at))
        if clean:
            nothing = "nothing else" if self._refused else "nothing"
            account["message"] = f"recovered the state of {moment}, saved at a clean stop; {nothing} is lost"
            uploads = int(self.store.fact("uploads") or 0)
            lost = [f"executions of state machines, which failed ({cut})"] if cut else []
            lost += [f"multipart uploads to S3 ({uploads})"] if uploads else []
            account["message"] += f" but {' and '.join(lost)}" if lost else ""
        else:
            account["message"] = (
                f"the last run was killed; recovered the state of {moment}, its last save: all that S3, streams and "
                "Personalize acknowledged is there, other services lost what came after (about a second at most)"
            )
        if self._refused:
            names = ", ".join(self._refused)
            account["message"] += (
                f"; not restored: {names} (see server.log), whose state on disk stays as it is: what is made there "
                "meanwhile is not kept"
            )
        logger.warning("%s; %d stream records", account["message"], records)
        return account

    def health(self) -> dict[str, Any]:
        """What was recovered at the start, and how saving goes (an error names the file and the reason)."""
        saving = self.autosave.status()
        error = saving["error"] or failed_writes.last()
        return {"services": "all", "recovered": self.recovered, "autosave": {**saving, "error": error}}

    def quiesce(self) -> None:
        """Finish the batches in progress while their functions can still reach the server."""
        async_calls.stop()
        self.lanes.stop(DRAIN_SECONDS)

    def stop(self) -> None:
        """Save for the last time and end the Lambda workers."""
        threads.stop()
        self.alarms.stop()
        self.autosave.stop()
        lambda_runtime.reset()
        self.daemon.stop()
        self.store.close()
        self.log.close()


def _mending_when_loaded(
    get_module: Callable[[str], Any], endpoint: str, client: Callable[..., Any], tagged: Tagged
) -> Callable[[str], Any]:
    """MiniStack's loads a service when it is first used; here those that take long to import are mended then, too.

    CloudFormation, which has every service, is one of them.
    """

    def got(name: str) -> Any:
        known = name in app._loaded_modules
        module = get_module(name)
        if name == "cloudformation" and not known:
            from recsys.local.aws import cloudformation

            cloudformation.install(endpoint)
            for used in ("stepfunctions", "apigateway_v1"):  # its stacks' may be started by a rule, not by a request
                got(used)
        if name == "tagging" and not known:
            from recsys.local.aws import tagging

            tagging.install(tagged)
        if name == "apigateway_v1" and not known:
            from recsys.local.aws import apigateway
            from recsys.local.aws.xray import gateway

            apigateway.install(lambda: gateway.install(xray.traces))
        if name == "stepfunctions" and not known:
            from recsys.local.aws import stepfunctions

            stepfunctions.install(client)
        return module

    return got


def _running(states: dict[str, dict[str, Any]]) -> int:
    """How many executions of state machines were running; MiniStack lets them fail."""
    executions = states.get("stepfunctions", {}).get("executions")
    return sum(each.get("status") == "RUNNING" for each in executions.all_values()) if executions else 0
