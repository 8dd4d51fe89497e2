"""The embedded AWS as one process: `python -m recsys.local.server --port 4566 --state .recsys`.

One worker on loopback answers everything. A request is routed by the service its signature names
(`Credential=.../us-east-1/personalize/aws4_request`): Personalize goes to our own, the rest to MiniStack as mended in
`recsys.local.aws`. `GET /_recsys/health` says who runs, since when, and what was recovered at the start.
"""

import argparse
import errno
import fcntl
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import uvicorn

from recsys.errors import LocalError
from recsys.local.aws import host, temporary
from recsys.local.processes import Ours, occupant

if TYPE_CHECKING:
    from recsys.local.application import Application

LOOPBACK = ("127.0.0.1", "::1", "localhost")
LOCK = "server.lock"
BACKLOG = 2048


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises LocalError where the port or the state cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m recsys.local.server", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state", type=Path, default=Path(".recsys"))
    parser.add_argument("--host", default="127.0.0.1", choices=LOOPBACK)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(options.host, options.port, options.state.resolve())


def serve(address: str, port: int, state: Path) -> None:
    """Run the embedded AWS at `address`:`port` with everything it keeps under `state`.

    The socket listens before anything is recovered: what resumes at the start finds a server that answers, only a
    little later.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = _lock(state)
    except OSError as error:
        raise LocalError(
            f"{state}: the state folder cannot be used ({error.strerror}); choose another with --state"
        ) from error
    listener = _listen(address, port)
    folder = temporary.claim(state)
    try:
        host.prepare(address, port, state)
        Ours(os.getpid(), port).write(state)
        from recsys.local.application import Application  # only now: MiniStack reads the environment when imported

        _run(Application(f"http://{address}:{port}", state), listener)
    finally:
        Ours.forget(state)
        temporary.release(state, folder)
        lock.close()


def _run(application: "Application", listener: socket.socket) -> None:
    config = uvicorn.Config(
        application,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    # uvicorn sends itself the signal again once it has stopped, which would end the process before it has tidied up.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(config, application).run(sockets=[listener])
    if application.fault is not None:
        raise application.fault


class _Server(uvicorn.Server):
    """Lets batches in progress end before it stops answering: their functions call back into this server."""

    def __init__(self, config: uvicorn.Config, application: "Application") -> None:
        super().__init__(config)
        self._application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._application.quiesce()
        await super().shutdown(sockets)


def _lock(state: Path) -> IO[Any]:
    """Hold the state for this process alone; released by the end of the process, however it ends."""
    lock = (state / LOCK).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        holder = Ours.read(state)
        who = f"process {holder.pid} on port {holder.port}" if holder else "another process"
        raise LocalError(
            f"{state}: the state is in use by {who}; stop it with `recsys local down`, or choose another with --state"
        ) from error
    return lock


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol left open asyncio does not switch Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise LocalError(
                f"port {port} is in use by {occupant(port)}; stop it or choose another with --port"
            ) from error
        raise LocalError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error
    listener.setblocking(False)
    return listener


if __name__ == "__main__":
    try:
        main()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
