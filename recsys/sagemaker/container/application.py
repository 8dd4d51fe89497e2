"""HTTP as SageMaker speaks it to a container, as a plain ASGI application.

One model: GET /ping, POST /invocations (docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html).
Several: POST and GET /models, GET and DELETE /models/NAME, POST /models/NAME/invoke (.../mms-container-apis.html).
"""

import asyncio
import json
import os
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.errors import ModelError
from recsys.sagemaker.container import asks
from recsys.sagemaker.container.asks import NotAnswered
from recsys.sagemaker.container.predictor import Predictor

THREADS = max(2, os.cpu_count() or 1)  # that score; two, so that a call of thousands of users holds up no other
FEW = 1_000  # bytes of a request that is answered at once: a thread would take longer to wake than this to answer
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
ASKED_RESULTS = re.compile(r"(?:^|[\s,;])numResults\s*=\s*([^\s,;]*)")


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    kind: str = asks.JSON

    @classmethod
    def of(cls, value: Any, status: int = 200) -> "Reply":
        return cls(status, json.dumps(value).encode())


class Application:
    """Answers with `model` once it is there or, where `several`, with those it is told to load."""

    def __init__(self, several: bool = False) -> None:
        self.several, self.model = several, None
        self._models: dict[str, tuple[str, Predictor]] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="scores")

    async def load(self, folder: Path) -> None:
        """Load the one model. Raises ModelError where it cannot be used."""
        self.model = await asyncio.to_thread(Predictor.of, folder)

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable[[dict], Awaitable]) -> None:
        """ASGI's entry, for HTTP alone."""
        body = await _body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            reply = await self._reply(scope["method"], scope["path"], headers, body)
        except NotAnswered as refused:
            reply = Reply.of({"error": str(refused)}, refused.status)
        except Exception as error:  # a defect: told to the caller and to the log, and the next call is answered
            traceback.print_exc()
            reply = Reply.of({"error": f"{type(error).__name__}: {error}"}, 500)
        sent = [(b"content-type", reply.kind.encode()), (b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": sent})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        match method, [part for part in path.split("/") if part]:
            case "GET", ["ping"]:
                return Reply(200 if self.several or self.model else 503)
            case "POST", ["invocations"] if not self.several:
                return await self._invoked(self.model, headers, body)
            case "POST", ["models"] if self.several:
                return await self._load(body)
            case "GET", ["models"] if self.several:
                return Reply.of({"models": [_about(name, url) for name, (url, _) in self._models.items()]})
            case "GET", ["models", name] if self.several:
                return Reply.of(_about(name, self._known(name)[0]))
            case "DELETE", ["models", name] if self.several:
                self._known(name)
                del self._models[name]
                return Reply.of({})
            case "POST", ["models", name, "invoke"] if self.several:
                return await self._invoked(self._known(name)[1], headers, body)
        raise NotAnswered(404, f"{method} {path} is not answered here")

    async def _invoked(self, model: Predictor | None, headers: Mapping[str, str], body: bytes) -> Reply:
        if model is None:
            raise NotAnswered(503, "the model is still being loaded")
        if len(body) <= FEW:
            return _answered(model, headers, body)
        return await asyncio.get_running_loop().run_in_executor(self._pool, _answered, model, headers, body)

    async def _load(self, body: bytes) -> Reply:
        name, url = _named(body)
        if name in self._models:
            raise NotAnswered(409, f"{name} is loaded already")
        try:
            loaded = await asyncio.to_thread(Predictor.of, Path(url))
        except MemoryError:
            raise NotAnswered(507, f"{name}: there is no memory left for it") from None
        except ModelError as error:
            raise NotAnswered(400, f"{name}: {error}") from None
        self._models.setdefault(name, (url, loaded))
        return Reply.of(_about(name, url))

    def _known(self, name: str) -> tuple[str, Predictor]:
        if name not in self._models:
            raise NotAnswered(404, f"{name} is not loaded; POST /models loads it")
        return self._models[name]


def _answered(model: Predictor, headers: Mapping[str, str], body: bytes) -> Reply:
    """Read, score, write: in a thread of the pool."""
    kind = _content_type(headers)
    accepted = _accepted(headers, kind)
    asked, many = asks.read(body, kind, _results(headers))
    return Reply(200, asks.write(model.answers(asked), accepted, many), accepted)


def _content_type(headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in asks.KINDS:
        raise NotAnswered(415, f'content type "{kind}" is not read here; send one of {", ".join(asks.KINDS)}')
    return kind


def _accepted(headers: Mapping[str, str], kind: str) -> str:
    """The first content type of Accept that is written here; without the header, that of the request."""
    wanted = [part.partition(";")[0].strip().lower() for part in headers.get("accept", "*/*").split(",")]
    for each in wanted:
        if each in ("", "*/*"):
            return kind
        if each in asks.KINDS:
            return each
    raise NotAnswered(406, f"{', '.join(wanted)} is not written here; accept one of {', '.join(asks.KINDS)}")


def _results(headers: Mapping[str, str]) -> int:
    """numResults of the custom attributes, where nothing in the body says another."""
    found = ASKED_RESULTS.search(headers.get(ATTRIBUTES, ""))
    if not found:
        return asks.USUAL
    text = found.group(1)
    return asks.number_of_results(int(text) if text.isascii() and text.isdigit() else text, f"{ATTRIBUTES}: numResults")


def _named(body: bytes) -> tuple[str, str]:
    try:
        value = json.loads(body)
        name, url = value["model_name"], value["url"]
    except (ValueError, KeyError, TypeError):
        name = url = None
    if not (isinstance(name, str) and name and isinstance(url, str) and url):
        raise NotAnswered(400, 'send {"model_name": a name, "url": the folder of the model}')
    return name, url


def _about(name: str, url: str) -> dict[str, str]:
    return {"modelName": name, "modelUrl": url}


async def _body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes | None:
    """The whole body; None where the caller has gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
