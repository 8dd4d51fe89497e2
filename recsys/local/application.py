"""The ASGI application behind the one URL: routing by signing scope, start and stop of what lies behind it."""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from recsys.local.aws import metrics
from recsys.local.aws.services import MiniStack
from recsys.local.aws.services import application as ministack
from recsys.local.aws.store import damaged
from recsys.local.personalize.service import Personalize

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEALTH = "/_recsys/health"
PERSONALIZE_SCOPE = b"/personalize/aws4_request"
API = "/restapis/"


class Application:
    """Personalize and MiniStack behind one URL."""

    def __init__(self, endpoint: str, state: Path) -> None:
        self.endpoint, self.state, self.started = endpoint, state, time.time()
        self.fault: Exception | None = None  # what kept it from starting
        self.ministack = MiniStack(endpoint, state)
        self.personalize = Personalize(state, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await ministack(scope, self._starting(receive), self._stopping(send))
        elif scope["type"] == "http" and scope["path"] == HEALTH:
            await _answer(send, self.health())
        elif scope["type"] == "http" and PERSONALIZE_SCOPE in _authorization(scope):
            await self.personalize(scope, receive, send)
        else:
            await self._to_ministack(scope, receive, send)

    async def _to_ministack(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(API):
            send = _timed(scope["path"], send)
        try:
            await ministack(scope, receive, send)
        finally:
            self.ministack.changed()

    async def quiesce(self) -> None:
        """Let what is in progress end; to be called while the server still answers."""
        await asyncio.to_thread(self.ministack.quiesce)

    def health(self) -> dict[str, Any]:
        """Who runs here (pid, state, version, start in epoch seconds), what was recovered, how saving goes."""
        who = {
            "pid": os.getpid(),
            "endpoint": self.endpoint,
            "state": str(self.state),
            "version": metadata.version("recsys"),
            "started": self.started,
        }
        return {**who, **self.ministack.health()}

    def _starting(self, receive: Receive) -> Receive:
        async def received() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._start()
            return message

        return received

    def _start(self) -> None:
        try:
            self.ministack.recover()
            self.personalize.start()
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
                await asyncio.to_thread(self.ministack.stop)
            await send(message)

        return sent


def _timed(path: str, send: Send) -> Send:
    started = time.perf_counter()

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            metrics.record_api_request(path, message["status"], time.perf_counter() - started)
        await send(message)

    return sent


def _authorization(scope: Scope) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"authorization"), b"")


async def _answer(send: Send, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
