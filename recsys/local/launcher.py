"""Start, stop and ask for the embedded AWS, or for Personalize on its own, for the command line and the tests."""

import json
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from recsys.errors import LocalError
from recsys.local import damage
from recsys.local.addresses import CALLS, HEALTH
from recsys.local.options import ALL, PERSONALIZE, Options
from recsys.local.processes import Ours, held, hold, occupant

PORT = 4566
STATE = Path(".recsys")
LOG = "server.log"
LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log is set aside as server.log.1 at the next start
PERSONALIZE_SERVICES = ("PERSONALIZE", "PERSONALIZE_RUNTIME", "PERSONALIZE_EVENTS")  # as botocore spells them
START_SECONDS, STOP_SECONDS = 60.0, 30.0
HEALTH_SECONDS = 3.0  # a server that is ours answers at once
TOLD_EVERY = 5.0  # seconds between two lines about the same wait

Say = Callable[[str], None]


@dataclass(frozen=True)
class Status:
    """What `status` found. `health` is the server's own report where it answers, see `recsys.local.server`."""

    running: bool
    endpoint: str
    state: Path
    pid: int | None = None
    health: dict[str, Any] | None = None

    @property
    def unsaved(self) -> str | None:
        """Why the state could not be saved the last time, as on a full disk; None where it could."""
        error = (self.health or {}).get("autosave", {}).get("error")
        return error and f"the state cannot be saved ({error})"


def up(port: int = PORT, state: Path = STATE, report: Say | None = None, options: Options | None = None) -> Status:
    """Start the embedded AWS on `port` with its state in `state`, unless it runs there; returns when it answers.

    A server that runs there already goes on with the options it was started with.

    `report` gets a line about what is waited for and what was recovered. Raises LocalError where the port or the state
    belongs to somebody else, where the state is damaged, or where the server does not come up.
    """
    say, state, options = report or _silent, Path(state).resolve(), options or Options()
    found = status(state)
    if found.running and found.health:
        if found.endpoint == _endpoint(port) and found.health["services"] == options.services:
            say(f"{options.name} runs already: {found.endpoint} (process {found.pid})")
            return found
        raise LocalError(
            f"{state}: {Options(found.health['services']).name} runs on {found.endpoint} already; "
            f"`recsys local down --state {shlex.quote(str(state))}` stops it, and --state keeps another one apart"
        )
    _forget_dead(state, say)
    _refuse_taken(port)
    process, log_start = _spawn(port, state, options)
    health = _wait_until_healthy(process, port, state, log_start, say)
    if health["recovered"].get("message"):
        say(health["recovered"]["message"])
    say(f"{options.name} runs: {_endpoint(port)} (process {process.pid}, state in {state})")
    return Status(True, _endpoint(port), state, process.pid, health)


def down(state: Path = STATE, report: Say | None = None) -> bool:
    """Stop the embedded AWS of `state`, its state saved; whether one ran. Raises LocalError where it will not end."""
    say, state = report or _silent, Path(state).resolve()
    note = Ours.running(state)
    process = note.process(state) if note else None
    if note and process is None and held(state):
        raise LocalError(f"{state}: process {note.pid} does not hold it; stop the server where it was started")
    if process is None:
        _forget_dead(state, say)
        say("the embedded AWS is not running")
        return False
    unsaved = Status(True, _endpoint(note.port), state, note.pid, _health(note.port)).unsaved
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    while time.monotonic() - started < STOP_SECONDS:
        if not _ends(process, TOLD_EVERY):
            say(f"waiting for process {process.pid} to save and end, for {time.monotonic() - started:.0f} s")
            continue
        Ours.forget(state)
        say(f"the embedded AWS is stopped (process {process.pid}); its state stays in {state}")
        if unsaved:
            say(f"its last changes may be lost: {unsaved}")
        return True
    raise LocalError(
        f"process {process.pid} did not end in {STOP_SECONDS:.0f} s; see {state / LOG}, then kill {process.pid}"
    )


def _ends(process: psutil.Process, seconds: float) -> bool:
    """Whether it ends within these seconds: in many a container nobody buries what has ended."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)


def status(state: Path = STATE) -> Status:
    """Whether the embedded AWS of `state` runs, and what it says about itself."""
    state = Path(state).resolve()
    note = Ours.running(state)
    if note is None:
        last = Ours.read(state)
        return Status(False, _endpoint(last.port if last else PORT), state)
    return Status(True, _endpoint(note.port), state, note.pid, _health(note.port))


def serving(port: int) -> Status | None:
    """The embedded AWS that answers on `port`, whatever its state; None for one of Personalize alone and for others."""
    health = _health(port)
    if not isinstance(health, dict) or health.get("services") != ALL:
        return None
    return Status(True, _endpoint(port), Path(health["state"]), health["pid"], health)


def calls(state: Path = STATE) -> list[dict[str, Any]]:
    """What each IAM role asked the embedded AWS of `state` for since its start.

    Of each distinct call role, action, resource, allowed, count, last (epoch seconds). Raises LocalError where it does
    not run.
    """
    found = status(state)
    answer = _asked(found.endpoint + CALLS) if found.running else None
    if answer is None:
        raise _not_running(found.state)
    return answer


def reset(state: Path = STATE, report: Say | None = None) -> None:
    """Stop the embedded AWS and begin with nothing. A damaged state is set aside beside the folder, not deleted.

    Raises LocalError where `state` is not a state folder, nothing else is ever removed, or where a server holds it.
    """
    say, state = report or _silent, Path(state).resolve()
    down(state, report)
    if not state.exists():
        return
    if not damage.is_state(state):
        raise LocalError(f"{state}: this is not the state folder of an embedded AWS; it stays as it is")
    lock = hold(state)
    if lock is None:
        raise LocalError(f"{state}: a server has just been started on it; it stays as it is")
    with lock:
        _remove(state, say)


def _remove(state: Path, say: Say) -> None:
    reason = damage.found(state)
    if reason is None:
        shutil.rmtree(state)
        say(f"{state} is removed")
        return
    aside = state.with_name(f"{state.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    state.rename(aside)
    say(f"{reason}; the damaged folder is kept as {aside}")


def exports(state: Path = STATE, port: int | None = None) -> dict[str, str]:
    """`env` of the server on `port`, or without one of the server of `state`. Raises LocalError where that is down."""
    found = status(state)
    if port is None and not found.running:
        raise _not_running(found.state)
    health = (found.health if port is None else _health(port)) or {}
    return env(port or int(found.endpoint.rsplit(":", 1)[1]), health.get("services", ALL))


def env(port: int = PORT, services: str = ALL) -> dict[str, str]:
    """What boto3 and the ordinary `aws` command need to talk to the server on `port`.

    Beside Personalize on its own every other service, and the credentials for it, stay what they are.
    """
    if services == PERSONALIZE:
        return {f"AWS_ENDPOINT_URL_{name}": _endpoint(port) for name in PERSONALIZE_SERVICES}
    return {
        "AWS_ENDPOINT_URL": _endpoint(port),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }


def _not_running(state: Path) -> LocalError:
    return LocalError(
        f"the embedded AWS of {state} does not run; start it with: recsys local up --state {shlex.quote(str(state))}"
    )


def _endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _silent(_: str) -> None:
    return None


def _forget_dead(state: Path, say: Say) -> None:
    note = Ours.read(state)
    if note and not held(state):
        say(f"process {note.pid} has ended without a clean stop; its state in {state} is taken up")
        Ours.forget(state)


def _refuse_taken(port: int) -> None:
    """A server that holds the port is found out before ours is started, so that the message comes at once."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return
    other = _health(port) or {}
    if "state" in other:
        raise LocalError(
            f"port {port} is in use by the embedded AWS of {other['state']} (process {other['pid']}); "
            f"{_another(port)}, or stop it: recsys local down --state {other['state']}"
        )
    raise LocalError(f"port {port} is in use by {occupant(port)}; stop it, or {_another(port)}")


def _another(port: int) -> str:
    other = port + 1 if port < 65_535 else PORT
    return f"choose another: --port {other} of recsys local up, --set aws.endpoint={_endpoint(other)} of recsys run"


def _spawn(port: int, state: Path, options: Options) -> tuple[subprocess.Popen, int]:
    """The server, detached from this terminal, and where its part of the log begins."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        log = state / LOG
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(state / f"{LOG}.1")
        with log.open("ab") as output:
            command = [sys.executable, "-m", "recsys.local.server", "--port", str(port), "--state", str(state)]
            command += options.arguments()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
            return process, output.tell()
    except OSError as error:
        raise LocalError(
            f"{state}: the state folder cannot be used ({error.strerror}); choose another with --state"
        ) from error


def _wait_until_healthy(process: subprocess.Popen, port: int, state: Path, log_start: int, say: Say) -> dict[str, Any]:
    started, told = time.monotonic(), 0.0
    while process.poll() is None:
        health = _health(port)
        if health and health["pid"] == process.pid:
            return health
        waited = time.monotonic() - started
        if waited > START_SECONDS:
            process.terminate()
            raise LocalError(f"the embedded AWS does not answer after {waited:.0f} s; see {state / LOG}")
        if waited - told >= TOLD_EVERY:
            say(f"waiting for {_endpoint(port)} to answer, for {waited:.0f} s")
            told = waited
        time.sleep(0.05)
    raise LocalError(_last_words(state / LOG, log_start, process.returncode))


def _last_words(log: Path, start: int, code: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return errors[-1]
    tail = " | ".join(line.strip() for line in lines[-3:])
    return f"the embedded AWS ended while it started (exit code {code}): {tail or 'it said nothing'}; see {log}"


def _health(port: int) -> dict[str, Any] | None:
    return _asked(_endpoint(port) + HEALTH)


def _asked(address: str) -> Any:
    """The JSON that answers there, None if nothing does; no proxy is asked, whatever the environment says."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=HEALTH_SECONDS) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None
