"""One container: a process of this machine that serves a model over HTTP on loopback."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from recsys.local.sagemaker.child import command, environment
from recsys.local.sagemaker.hosting.archive import BadArchive, extract
from recsys.local.sagemaker.hosting.connection import HOST, Answer, Connections, Gone
from recsys.local.sagemaker.hosting.errors import HostingFailed, bad_archive

SERVE = "recsys.sagemaker.container.serve"
PORTS = range(20_000, 32_000)  # below those that the system hands out by itself, to us too, at any moment
STARTUP_SECONDS = 480.0  # what AWS gives a container to answer its first ping
PING_SECONDS = 2.0  # what AWS gives it to answer one
BETWEEN_PINGS = 0.02
GRACE = 5.0  # seconds from SIGTERM to SIGKILL; AWS gives 30
LONGEST_LINE = 1 << 18  # bytes, the most that CloudWatch takes as one event
LONGEST_QUOTE = 500  # characters of a last line in a reason, which may have 1,024


class Container:
    """A process running `module`, with a base folder of its own in place of /opt/ml.

    It may be launched again once it has ended. log: gets each line of its output and errors, without its end, and must
    not raise: nobody would read on, and the process would wait for that.
    """

    def __init__(
        self, base: Path, log: Callable[[str], None], environment: Mapping[str, str] | None = None, module: str = SERVE
    ) -> None:
        self.base, self._log, self._environment, self._module = base, log, dict(environment or {}), module
        self._process: asyncio.subprocess.Process | None = None
        self._reading: list[asyncio.Task[None]] = []
        self._connections: Connections
        self._last = ""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def unpack(self, archive: Path | None, url: str) -> None:
        """Put a model.tar.gz, known to the user as `url`, where the process looks for it. Raises HostingFailed."""
        model = self.base / "model"
        model.mkdir(parents=True, exist_ok=True)
        try:
            if archive is not None:
                await asyncio.to_thread(extract, archive, model)
        except BadArchive as error:
            raise HostingFailed(f"{bad_archive(url)} ({error})") from error

    async def launch(self) -> None:
        """Start the process, on a port of its own. Raises HostingFailed where the system has no room for it."""
        port = _free_port()
        self._last, self._connections = "", Connections(port)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command(self._module),
                stdin=asyncio.subprocess.PIPE,  # never written to: its end tells the process that we are gone
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment({**self._environment, **self._bindings(port)}),
                start_new_session=True,  # Ctrl-C is for the server alone
            )
        except OSError as error:
            raise HostingFailed(f"The container cannot be started: {error}") from error
        out, err = self._process.stdout, self._process.stderr
        self._reading = [asyncio.create_task(self._read(out)), asyncio.create_task(self._read(err, keep=True))]

    async def ready(self, complaint: str, seconds: float = STARTUP_SECONDS) -> None:
        """Wait until it answers a ping with 200.

        Raises HostingFailed where it ends before or takes longer: `complaint`, then how it ended and its last line.
        """
        ended = asyncio.create_task(self.ended())
        try:
            async with asyncio.timeout(seconds):
                while not await self._pings():
                    await asyncio.wait({ended}, timeout=BETWEEN_PINGS)
                    if ended.done():
                        raise HostingFailed(f"{complaint} ({self._account(ended.result())})")
        except TimeoutError as error:
            said = f"; it wrote last: {self._last}" if self._last else ""
            raise HostingFailed(f"{complaint} (no answer in {seconds:g} s{said})") from error
        finally:
            ended.cancel()

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request, for as long as the caller waits for it. Raises Gone."""
        return await self._connections.ask(method, path, headers, body)

    async def ended(self) -> int:
        """Wait for its end and its last line; its exit code, the negative number of a signal that ended it."""
        code = await self._process.wait()
        if self._reading:
            await asyncio.wait(self._reading, timeout=1)  # what it has started may hold its output open
        return code

    async def stop(self) -> None:
        """End the process: SIGTERM, then SIGKILL for it and all that it has started."""
        if self._process is None:
            return
        self._connections.close()
        if self.running:
            with suppress(ProcessLookupError):
                self._process.terminate()
        try:
            async with asyncio.timeout(GRACE):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self.ended()

    def _bindings(self, port: int) -> dict[str, str]:
        return {
            "SAGEMAKER_BASE_DIR": str(self.base),
            "SAGEMAKER_BIND_TO_HOST": HOST,
            "SAGEMAKER_BIND_TO_PORT": str(port),
        }

    async def _pings(self) -> bool:
        with suppress(Gone, TimeoutError):
            async with asyncio.timeout(PING_SECONDS):
                return (await self.ask("GET", "/ping", {}, b"")).status == 200
        return False

    def _account(self, code: int) -> str:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the process {how}" + (f" after writing: {self._last}" if self._last else "")

    async def _read(self, stream: asyncio.StreamReader, keep: bool = False) -> None:
        async for line in _lines(stream):
            if keep and line.strip():
                self._last = line.strip()[:LONGEST_QUOTE]
            self._log(line)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    pending = b""
    while chunk := await stream.read(1 << 16):
        *whole, pending = (pending + chunk).split(b"\n")
        if len(pending) > LONGEST_LINE:
            whole, pending = [*whole, pending], b""
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if pending:
        yield pending.decode(errors="replace")


def _free_port() -> int:
    for port in random.choices(PORTS, k=1000):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server that will listen there does
            probe.bind((HOST, port))
            return port
    raise HostingFailed(f"no port was found free between {PORTS.start} and {PORTS.stop}")
