"""The ASGI application behind the one URL: who answers a request, start and stop of what lies behind it."""

import asyncio
import os
import sqlite3
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from recsys.local import callers
from recsys.local.addresses import CALLS, HEALTH
from recsys.local.personalize.service import Personalize
from recsys.local.sagemaker.service import SageMaker
from recsys.local.shared.http import Message, Receive, Scope, Send, header, respond
from recsys.local.shared.store import damaged

SAGEMAKER = ("/sagemaker/aws4_request", "/application-autoscaling/aws4_request")  # in a request's signature


class Others(Protocol):
    """What lies behind the URL beside our own services: MiniStack, or nobody (standalone.py)."""

    def takes(self, scope: Scope) -> bool: ...
    def recover(self) -> None: ...
    def health(self) -> dict[str, Any]: ...
    def calls(self) -> list[dict[str, Any]]: ...
    def quiesce(self) -> None: ...
    def stop(self) -> None: ...
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Application:
    """Personalize, SageMaker where there is one, and the other services behind one URL."""

    def __init__(
        self, endpoint: str, state: Path, personalize: Personalize, others: Others, sagemaker: SageMaker | None = None
    ) -> None:
        self.endpoint, self.state, self.started = endpoint, state, time.time()
        self.fault: Exception | None = None  # what kept it from starting
        self.personalize, self.sagemaker, self.others = personalize, sagemaker, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.others(scope, self._starting(receive), self._stopping(send))
        elif scope["type"] == "http" and (reason := callers.refusal(scope)):
            await respond(send, 403, {"__type": "AccessDeniedException", "message": reason})
        elif scope["type"] == "websocket" and callers.refusal(scope):
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and scope["path"] == HEALTH:
            await respond(send, 200, self.health())
        elif scope["type"] == "http" and scope["path"] == CALLS:
            await respond(send, 200, self.others.calls())
        elif scope["type"] == "http" and self.sagemaker and _is_for_sagemaker(scope):
            await self.sagemaker(scope, receive, send)
        elif scope["type"] == "http" and not self.others.takes(scope):
            await self.personalize(scope, receive, send)
        else:
            await self.others(scope, receive, send)

    async def quiesce(self) -> None:
        """Let what is in progress end; to be called while the server still answers."""
        await asyncio.to_thread(self.others.quiesce)
        await asyncio.to_thread(self.personalize.quiesce)
        if self.sagemaker:
            await self.sagemaker.quiesce()

    def health(self) -> dict[str, Any]:
        """Who runs here (pid, state, version, start in epoch seconds), and what each part says about itself."""
        who = {
            "pid": os.getpid(),
            "endpoint": self.endpoint,
            "state": str(self.state),
            "version": metadata.version("recsys"),
            "started": self.started,
        }
        return {**who, **self.others.health(), "personalize": self.personalize.health()}

    def _starting(self, receive: Receive) -> Receive:
        async def received() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._start()
            return message

        return received

    def _start(self) -> None:
        try:
            self.others.recover()
            self.personalize.start()
            if self.sagemaker:
                self.sagemaker.start()
        except sqlite3.DatabaseError as error:
            self.fault = damaged(self.state, str(error))
            raise
        except Exception as error:
            self.fault = error
            raise

    def _stopping(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await asyncio.to_thread(self.personalize.stop)
                if self.sagemaker:
                    await asyncio.to_thread(self.sagemaker.stop)
                await asyncio.to_thread(self.others.stop)
            await send(message)

        return sent


def _is_for_sagemaker(scope: Scope) -> bool:
    signature = header(scope, "authorization")
    return any(each in signature for each in SAGEMAKER)
