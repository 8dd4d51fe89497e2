"""Three things a Lambda worker does on AWS that MiniStack's does not.

- It outlives an exception of its handler, and the error has its type. MiniStack kills the worker, so each retry of a
  poison record costs a cold start (0.4 to 0.9 s), and calls every error `Runtime.HandlerError`. Here the worker's
  script answers an exception like a result, marked, and the mark becomes AWS's error body (errorMessage, errorType,
  stackTrace).
- Its root logger has a handler; without one the log lines of a function are lost.
- It never acts for a server that is gone. A worker whose server was killed would go on with its batch, and its retries
  would reach the server started next, in the middle of what that one recovered. The hang-up of its input ends it.
"""

from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

MARK = "__recsys_handler_error__"

FAILED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
REPORTED = (
    '{"status": "ok", "result": {"' + MARK + '": {"errorMessage": str(e), "errorType": type(e).__name__, '
    '"requestId": _ms_ctx.get("request_id", ""), "stackTrace": traceback.format_tb(e.__traceback__)}, '
    '"trace": traceback.format_exc()}}'
)
START = "    init = json.loads(sys.stdin.readline())\n"
PRELUDE = """\
    import logging, select, threading

    def _end_with_the_server():
        hang_up = select.poll()
        hang_up.register(0, 0)
        hang_up.poll()
        os._exit(1)

    threading.Thread(target=_end_with_the_server, daemon=True).start()
    logging.basicConfig(stream=sys.stderr, format="[%(levelname)s]\\t%(asctime)s\\t%(name)s\\t%(message)s")
"""


def install() -> None:
    """Change the worker's script and what is made of its answers."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(FAILED, REPORTED).replace(START, PRELUDE + START)
    lambda_svc._execute_function_warm = _told(lambda_svc._execute_function_warm)


def _told(execute: Callable[[dict, Any, str], dict]) -> Callable[[dict, Any, str], dict]:
    """MiniStack's takes a marked answer for a result; here it becomes the error that it tells of."""

    def executed(func: dict, event: Any, request_id: str) -> dict:
        result = execute(func, event, request_id)
        body = result.get("body")
        if not isinstance(body, dict) or MARK not in body:
            return result
        log = "\n".join(filter(None, [result.get("log", ""), body["trace"]]))
        return {"body": body[MARK], "error": True, "log": log}

    return executed
