"""`serve`: answers with the model under the base folder or, where SAGEMAKER_MULTI_MODEL is true, with several.

It listens at once, on SAGEMAKER_BIND_TO_HOST and SAGEMAKER_BIND_TO_PORT, and GET /ping is 503 until the model is there.
A model that cannot be loaded ends the process with 1, the reason being the last line of standard error. SIGTERM: calls
in progress are answered, then it ends with 0.
"""

import asyncio
import gc
import os
import signal
import sys
import traceback
from pathlib import Path

import uvicorn
from threadpoolctl import threadpool_limits

from recsys.errors import RecsysError
from recsys.sagemaker.container.application import Application
from recsys.sagemaker.container.paths import Paths

KEPT_OPEN = 75  # seconds that a connection may be idle: a caller that keeps some meets none closed under its hands
GRACE = 25  # seconds that calls in progress have after SIGTERM; SageMaker kills after 30


def main() -> None:
    """Serve until SIGTERM; exit 1 where the model cannot be loaded."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn lets calls end and then raises the signal again
    several = os.environ.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
    application = Application(several)
    config = uvicorn.Config(
        application,
        host=os.environ.get("SAGEMAKER_BIND_TO_HOST", "0.0.0.0"),
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        lifespan="off",
        ws="none",
        log_level="warning",
        timeout_keep_alive=KEPT_OPEN,
        timeout_graceful_shutdown=GRACE,
    )
    with threadpool_limits(1, user_api="blas"):  # each thread that scores uses one core
        reason = asyncio.run(_serve(config, application, None if several else Paths.here().model))
    if reason:
        print(reason, file=sys.stderr, flush=True)
        raise SystemExit(1)


async def _serve(config: uvicorn.Config, application: Application, folder: Path | None) -> str | None:
    """Serve to the end; why there is none, where the model cannot be loaded."""
    server = uvicorn.Server(config)
    loading = asyncio.create_task(_load(application, folder, server)) if folder else None
    await server.serve()
    return loading.result() if loading and loading.done() else None


async def _load(application: Application, folder: Path, server: uvicorn.Server) -> str | None:
    try:
        await application.load(folder)
    except Exception as error:
        server.should_exit = True
        if isinstance(error, RecsysError):
            return str(error)
        traceback.print_exc()
        return f"{folder} cannot be loaded: {type(error).__name__}: {error}"
    gc.freeze()  # what was loaded stays, and need not be looked through while somebody waits for an answer
    return None


if __name__ == "__main__":
    main()
