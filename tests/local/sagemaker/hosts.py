"""What tests of hosting share: archives of the tiny container's models, variants of it, a fleet that is stopped."""

import asyncio
import functools
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from recsys.local.sagemaker.hosting import Container, Fleet, Variant

HERE = Path(__file__).parent
TINY = "tiny_container"
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2])])}


def awaited(test: Callable[..., Any]) -> Callable[..., None]:
    """An async test as a plain one."""

    @functools.wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(test(*arguments, **fixtures))

    return run


def archive(path: Path, member: str = "model.json", **model: Any) -> Path:
    """A model.tar.gz of the tiny container at `path`."""
    content = json.dumps(model).encode()
    with tarfile.open(path, "w:gz") as packed:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        packed.addfile(info, io.BytesIO(content))
    return path


def variant(folder: Path, name: str = "AllTraffic", answers: str = "a", **settings: Any) -> Variant:
    """A variant whose container answers `answers`."""
    model = settings.pop("model", None) or archive(folder / f"{answers}.tar.gz", name=answers)
    return Variant(name, model, "s3://shop/model.tar.gz", ENVIRONMENT, module=TINY, **settings)


@asynccontextmanager
async def fleet(folder: Path, *variants: Variant) -> AsyncIterator[Fleet]:
    """A fleet that serves `variants`, stopped at the end; its log in `fleet.lines`, pairs of stream and line."""
    lines: list[tuple[str, str]] = []
    served = Fleet("shop", folder / "fleet", lambda stream, line: lines.append((stream, line)))
    served.lines = lines
    try:
        if variants:
            await served.start(variants)
        yield served
    finally:
        await served.stop()


@asynccontextmanager
async def container(folder: Path, **model: Any) -> AsyncIterator[Container]:
    """A tiny container that is ready."""
    run = Container(folder / "base", lambda line: None, ENVIRONMENT, TINY)
    try:
        await run.unpack(archive(folder / "model.tar.gz", **model), "s3://shop/model.tar.gz")
        await run.launch()
        await run.ready("It did not pass the ping health check.")
        yield run
    finally:
        await run.stop()


async def say(served: Fleet, body: str = "", **target: str) -> str:
    """What a fleet answers to `body`."""
    answer = await served.invoke(body.encode(), {"Content-Type": "text/plain"}, **target)
    assert answer.ok, answer
    return answer.body.decode()


def children() -> list[int]:
    """The tiny containers that this process has running."""
    every = psutil.Process().children(recursive=True)
    return [child.pid for child in every if TINY in _command(child)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []
