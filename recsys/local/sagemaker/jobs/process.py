"""One run of an entry point as a plain process, its base folder in the place of /opt/ml."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from recsys.local.sagemaker.child import command, environment

GRACE = 120.0  # seconds between SIGTERM and SIGKILL, as SageMaker gives
LONGEST = 2**20  # bytes of a line
NICENESS = ("nice", "-n", "10")  # serving comes first


class Process:
    """A running entry point; it ends when this server does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, arguments: Sequence[str], base: Path, more: Mapping[str, str]) -> "Process":
        return cls(
            await asyncio.create_subprocess_exec(
                *NICENESS,
                *command(module, *arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=STDOUT,
                env=environment({**more, "SAGEMAKER_BASE_DIR": str(base)}),
                limit=LONGEST,
                start_new_session=True,  # Ctrl-C is for the server alone
            )
        )

    async def follow(self, take: Callable[[str], None], seconds: float) -> int:
        """Hand every line to `take` until the end; its exit status, negative for a signal. Raises TimeoutError.

        After `seconds` it is stopped, as `stop` does.
        """
        reading = asyncio.ensure_future(self._read(take))
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(reading)
        except TimeoutError:
            await self.stop()
            raise
        except asyncio.CancelledError:  # the server stops, and must not wait for the end of the work
            self.kill()
            raise
        finally:
            await reading
        return await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for who does not go."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), GRACE)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """At once, with all that it has started, as a server that stops does: its state is on disk."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self, take: Callable[[str], None]) -> None:
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:  # a line beyond the limit: what was read of it is dropped
                continue
            if not line:
                return
            take(line.decode("utf-8", "replace").rstrip("\n"))

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
