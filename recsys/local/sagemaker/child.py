"""Runs a module as a process that never outlives the server: `python -m recsys.local.sagemaker.child MODULE [args]`.

The module sees what `python -m MODULE [args]` would show it. Its server holds the other end of standard input and never
writes to it; the end of that input means that the server is gone, also after `kill -9`, and ends the process with all
that it has started. SIGTERM is left to the module's own handler.
"""

import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs a module as a child."""
    return (sys.executable, "-m", "recsys.local.sagemaker.child", module, *arguments)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a child sees: this process's environment without AWS's settings, as a container reaches AWS by nothing but
    what it is given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**plain, "PYTHONUNBUFFERED": "1", **more}  # a log line is for now


def main() -> None:
    """Run the module named by the first argument, with the rest as its own arguments."""
    del sys.argv[0]
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_the_server() -> None:
    while os.read(0, 4096):
        pass
    if os.getpgrp() == os.getpid():  # leads its own group: what it has started goes with it
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
