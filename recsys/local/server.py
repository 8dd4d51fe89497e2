"""The embedded AWS as one process: `python -m recsys.local.server --port 4566 --state .recsys`.

One worker on loopback answers everything. A request is routed by the service its signature names
(`Credential=.../us-east-1/personalize/aws4_request`): Personalize and SageMaker go to our own, the rest to MiniStack as
mended in `recsys.local.aws`. With `--services personalize` there is nothing but Personalize, see
`recsys.local.standalone`.
`GET /_recsys/health` says who runs, since when, and what was recovered at the start; `GET /_recsys/calls`, what each
IAM role asked for and whether it was allowed. `POST /_recsys/clock` sets EventBridge's clock ahead
(`recsys.local.aws.eventbridge.clock`).
"""

import argparse
import errno
import gc
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
from recsys.local.options import Options
from recsys.local.processes import Ours, hold, occupant

if TYPE_CHECKING:
    from recsys.local.application import Application

LOOPBACK = ("127.0.0.1", "::1", "localhost")
BACKLOG = 2048
# A request for 100 profiles is 13,000 dicts and gone with its answer. Looked through every 700 new objects, as Python
# does, it cost a fifth of the server's time: what is stored was looked through with it again and again.
REQUEST_OBJECTS = 20_000


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises LocalError where the port or the state cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m recsys.local.server", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state", type=Path, default=Path(".recsys"))
    parser.add_argument("--host", default="127.0.0.1", choices=LOOPBACK)
    Options.add_to(parser)
    asked = vars(parser.parse_args(arguments))
    address, port, state = asked.pop("host"), asked.pop("port"), asked.pop("state")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(address, port, state.resolve(), Options(**asked))


def serve(address: str, port: int, state: Path, options: Options) -> None:
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
    Ours(os.getpid(), port).write(state)
    folder = temporary.claim(state)
    try:
        build = _alone if options.alone else _whole
        _run(build(address, port, state, options), listener)
    finally:
        temporary.release(state, folder)
        Ours.forget(state)
        lock.close()


def _whole(address: str, port: int, state: Path, options: Options) -> "Application":
    """Personalize, SageMaker and MiniStack, cut off from every real account."""
    host.prepare(address, port, state)
    from recsys.local.application import Application  # only now: MiniStack reads the environment when imported
    from recsys.local.aws.iam import permissions
    from recsys.local.aws.services import MiniStack
    from recsys.local.personalize.service import Personalize
    from recsys.local.sagemaker.service import SageMaker

    endpoint = f"http://{address}:{port}"
    settings = (options.account, options.clock, options.requests_per_second)
    personalize = Personalize(state, endpoint, host.REGION, *settings, denial=permissions.denial_of_request)
    sagemaker = SageMaker(state, endpoint, host.REGION, options.account, permissions.denial_of_request)
    tagged = {"personalize": personalize.tagged, "sagemaker": sagemaker.tagged}
    return Application(endpoint, state, personalize, MiniStack(endpoint, state, tagged), sagemaker)


def _alone(address: str, port: int, state: Path, options: Options) -> "Application":
    """Personalize on its own, with S3 where the environment has it."""
    from recsys.local import standalone
    from recsys.local.application import Application
    from recsys.local.personalize.service import Personalize

    region, endpoint = standalone.prepare(options.s3_endpoint), f"http://{address}:{port}"
    personalize = Personalize(state, None, region, options.account, options.clock, options.requests_per_second)
    return Application(endpoint, state, personalize, standalone.Alone(endpoint))


def _run(application: "Application", listener: socket.socket) -> None:
    gc.set_threshold(REQUEST_OBJECTS)
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
    lock = hold(state)
    if lock is None:
        holder = Ours.read(state)
        who = f"process {holder.pid} on port {holder.port}" if holder else "another process"
        raise LocalError(
            f"{state}: the state is in use by {who}; stop it with `recsys local down`, or choose another with --state"
        )
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
