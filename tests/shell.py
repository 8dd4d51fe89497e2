"""The `recsys` command as a shell runs it, in this process: the start of another costs a second each."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from recsys import aws
from recsys.cli import main


def recsys(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """What the command says to `arguments` and to what is typed, `given`; the environment is then as before."""
    out, error = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(error),
        patch.object(sys, "argv", ["recsys", *arguments]),
        patch.object(sys, "stdin", io.StringIO(given)),
        patch.dict(os.environ, environment),
    ):
        aws.client.cache_clear()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            aws.client.cache_clear()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), error.getvalue())
