"""What every job goes through: a turn, a role, its steps, an end that is told; and how it is stopped or taken up again.

A job that was under way when the server ended is run again from its beginning at the next start; training finds its
checkpoints where it left them.
"""

import asyncio
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.jobs.process import Process
from recsys.local.sagemaker.jobs.storage import S3Failed, Storage
from recsys.local.sagemaker.kinds import KINDS, Kind
from recsys.local.sagemaker.logs import Logs
from recsys.local.shared.actor import RETRY, Actor
from recsys.local.shared.errors import ServiceError, broken
from recsys.local.shared.roles import NotAssumable, keys_of
from recsys.local.shared.store import Resource

SERVICE = "sagemaker.amazonaws.com"
IN_PROGRESS, STOPPING = "InProgress", "Stopping"
LONGEST_REASON = 1024
RENEWED_AFTER = 3600.0  # seconds in which whoever works as the same role shares a session; it lasts far longer

Params = dict[str, Any]
Put = Callable[[list[Params]], None]  # metrics of training into CloudWatch

log = logging.getLogger(__name__)


class JobFailed(Exception):
    """Why a job fails, as its FailureReason says it."""


class JobStopped(Exception):
    """The job was told to stop, or ran too long; the secondary status it ends with."""


@dataclass
class Context:
    """What jobs work with: the records and their thread, the folder, logs, metrics, and how AWS is reached."""

    control: Control
    actor: Actor
    folder: Path
    logs: Logs
    put: Put
    spec: Params  # endpoint and region, see shared/clients.py
    _storages: dict[str | None, tuple[float, Storage]] = field(default_factory=dict)  # when it was made (epoch seconds)
    _making: threading.Lock = field(default_factory=threading.Lock)

    async def on_record(self, task: Callable[[], Any]) -> Any:
        """Do something on the records' thread."""
        return await asyncio.wrap_future(self.actor.submit(task))

    def as_role(self, role: str | None) -> Params:
        """`spec` with the role's credentials. Raises ValidationException where SageMaker may not assume it."""
        spec = {**self.spec, "role": role}
        try:
            return {**spec, "keys": keys_of(spec, SERVICE)}
        except NotAssumable:
            raise broken(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                f"'{SERVICE}' to assume the role."
            ) from None

    async def storage(self, role: str | None) -> Storage:
        """S3 as a role. Raises JobFailed."""
        try:
            return await asyncio.to_thread(self._storage, role)
        except ServiceError as error:
            raise JobFailed(f"ClientError: {error.message}") from error

    def _storage(self, role: str | None) -> Storage:
        with self._making:
            made, storage = self._storages.get(role, (0.0, None))
            if storage is None or not 0 <= time.time() - made < RENEWED_AFTER:
                storage = Storage(self.as_role(role))
                if storage.spec["keys"]:  # a role that is let pass may have been made by the next time
                    self._storages[role] = time.time(), storage
            return storage


class Job:
    """One job at work. `run` in a subclass does it; `process` is the entry point while one runs."""

    kind: Kind

    def __init__(self, context: Context, resource: Resource) -> None:
        self.context, self.arn, self.document = context, resource.arn, resource.document
        self.name = self.document[self.kind.name_member]
        self.folder = context.folder / self.kind.path / self.name
        self.process: Process | None = None
        self.stop_asked = asyncio.Event()
        if self.document[self.kind.status_member] == STOPPING:
            self.stop_asked.set()

    async def work(self) -> None:
        """Everything, to a status that stays. Never raises, but where the server stops: then it is taken up again."""
        try:
            self.check()
            await self.run()
            await self.end("Completed")
        except JobStopped as stopped:
            await self.end("Stopped", str(stopped))
        except (JobFailed, S3Failed) as error:
            reason = str(error) if isinstance(error, JobFailed) else f"ClientError: {error}"
            await self.end("Failed", reason=reason)
        except Exception as error:
            log.exception("%s", self.arn)
            await self.end("Failed", reason=f"InternalServerError: {type(error).__name__}: {error}")

    async def run(self) -> None:
        """The job itself. Raises JobFailed, JobStopped, S3Failed."""
        raise NotImplementedError

    async def end(self, status: str, secondary: str = "", reason: str = "") -> None:
        await asyncio.to_thread(self.context.logs.flush)  # who hears of the end finds the log whole
        members = {self.kind.status_member: status, **self.ended(status, secondary, reason)}
        while not await self._recorded(members):
            await asyncio.sleep(RETRY)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _recorded(self, members: Params) -> bool:
        """Whether the disk takes the end; where it is full, the job's own files make room for it."""
        try:
            await self.change(**members)
        except sqlite3.OperationalError as error:
            log.error("%s has ended, which cannot be recorded: %s", self.arn, error)
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
            return False
        return True

    def ended(self, status: str, secondary: str, reason: str) -> Params:
        """Members of the record at its end."""
        return {"FailureReason": reason[:LONGEST_REASON]} if reason else {}

    async def change(self, **members: Any) -> None:
        changed = await self.context.on_record(lambda: self.context.control.change(self.arn, **members))
        self.document = changed.document if changed else self.document

    async def stop(self) -> None:
        """Ask for the end; the status is Stopping until it is reached."""
        self.stop_asked.set()
        if self.process:
            await self.process.stop()

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self.stop_asked.is_set()

    def check(self) -> None:
        """Raises JobStopped where the end was asked for."""
        if self.stopping:
            raise JobStopped("Stopped")

    async def entry_point(
        self, module: str, arguments: list[str], base: Path, more: Params, take: Callable[[str], None], seconds: float
    ) -> int:
        """Run an entry point; its exit status. Raises JobStopped where it was stopped or ran longer than `seconds`."""
        self.check()
        self.process = await Process.start(module, arguments, base, more)
        if self.stopping:  # asked for while it was being started
            self.process.kill()
        try:
            code = await self.process.follow(take, seconds)
        except TimeoutError:
            raise JobStopped("MaxRuntimeExceeded") from None
        finally:
            self.process = None
        if self.stopping:
            raise JobStopped("Stopped")
        return code

    def stream(self, group: str, name: str) -> Callable[[str], None]:
        """Where its log lines go."""
        return self.context.logs.stream(f"/aws/sagemaker/{group}", f"{name}/algo-1-{int(time.time())}")


def stop_request(control: Control, kind: Kind, name: str) -> Resource:
    """Mark a job as stopping. Raises ValidationException for one that has ended."""
    job = control.find(kind, name)
    status = job.document[kind.status_member]
    if status not in (IN_PROGRESS, STOPPING):
        raise broken(f"The request was rejected because the {kind.path.replace('-', ' ')} is in status {status}.")
    members = {"SecondaryStatus": STOPPING} if kind is KINDS["TrainingJob"] else {}
    return control.change(job.arn, **{kind.status_member: STOPPING}, **members)
