"""The worker process: it has the heavy imports done and forks one child per job, so that a job starts in milliseconds.

It reads one job a line from standard input, `{"id", "task", "spec"}`, and writes `{"id", "pid"}` when a child has begun
and `{"id", "code"}` when it has ended. When standard input closes, because the server stopped or was killed, it kills
its children and ends: no job outlives the server, which takes it up again at its next start. That may be sooner than
the old worker hears of it, so that a worker begins nothing before the one before it, and its children, have ended; its
imports it does meanwhile. Between two of these it looks whether the server is still there.
"""

import fcntl
import importlib
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.files import replacing

JOBS, CLIENTS = "recsys.local.personalize.jobs", "recsys.local.shared.clients"
TASKS = {  # the module of jobs/, its function, and whose `warm` does beforehand what no job needs to do again
    "import": ("importing", "import_dataset", CLIENTS),
    "train": ("training", "train", f"{JOBS}.training"),
    "export": ("exporting", "export_dataset", CLIENTS),
    "delete": ("deleting", "delete_users", CLIENTS),
    "infer": ("batch", "infer", CLIENTS),
    "segment": ("segments", "segment", CLIENTS),
}
# What takes longest to import of a task, in steps of half a second at most.
HEAVY = {
    "import": ("numpy", "pandas", "pyarrow.parquet", "boto3"),
    "train": ("scipy.sparse.linalg", "numba", "scipy.optimize", "recsys.models"),
}
NICENESS = 10  # serving comes first


def main() -> None:
    """Serve jobs until standard input closes. The argument is the file that a worker and its children hold locked."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server decides what to stop
    lock = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, str] = {}
    pending = b""
    cold = list(TASKS)
    while True:
        ready, _, _ = select.select([0, wake], [], [], 0 if cold else None)
        if not ready:
            warm(cold.pop(0))
        if wake in ready:
            os.read(wake, 512)
        reap(children)
        if 0 in ready:
            chunk = os.read(0, 1 << 20)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for job in map(json.loads, lines):
                if job["task"] in cold:  # imported here, once, and not in every child
                    cold.remove(job["task"])
                    warm(job["task"])
                fcntl.flock(lock, fcntl.LOCK_EX)  # children share it: it is free once the last of them has ended
                begin(job, children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def warm(name: str) -> None:
    """Import a task ahead of its first job. What cannot be imported fails its own jobs, with the reason."""
    try:
        for module in HEAVY.get(name, ()):
            if alone():
                return
            importlib.import_module(module)
        task(name)
        importlib.import_module(TASKS[name][-1]).warm()
    except ImportError:
        traceback.print_exc()


def alone() -> bool:
    """Whether the server has closed standard input, or is gone."""
    server = select.poll()
    server.register(0, select.POLLHUP)
    return any(event & select.POLLHUP for _, event in server.poll(0))


def task(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function that does a task; its module is imported on first use."""
    module, function, _ = TASKS[name]
    return getattr(importlib.import_module(f"{JOBS}.{module}"), function)


def begin(job: dict[str, Any], children: dict[int, str]) -> None:
    """Fork a child for one job."""
    pid = os.fork()
    if pid == 0:
        os._exit(work(job))
    children[pid] = job["id"]
    say(id=job["id"], pid=pid)


def reap(children: dict[int, str]) -> None:
    """Report the children that have ended."""
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            say(id=children.pop(pid), code=os.waitstatus_to_exitcode(status))


def work(job: dict[str, Any]) -> int:
    """In the child: do the job and leave its result, whole or not at all, in the file the job names."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a library prints must not reach the protocol
    spec = job["spec"]
    try:
        result = task(job["task"])(spec)
    except Exception as error:  # the reason belongs into failureReason, the traceback into the log
        traceback.print_exc()
        result = {"failureReason": f"{type(error).__name__}: {error}"}
    path = Path(spec["result"])
    # Beside it a training has a folder with the suffix .tmp.
    with replacing(path, draft=path.with_name(f"{path.name}.tmp")) as draft:
        draft.write_text(json.dumps(result))
    sys.stderr.flush()
    return 0


def say(**message: Any) -> None:
    os.write(1, (json.dumps(message) + "\n").encode())


if __name__ == "__main__":
    main()
