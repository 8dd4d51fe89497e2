"""AWS X-Ray: who sends what of a traced request, and the API that tells it.

MiniStack has no X-Ray: it gives a traced function a header with a trace id of its own, and nothing listens. Here API
Gateway (gateway.py) and Lambda (functions.py) send the segments that they send on AWS, a function sends its own to the
daemon beside it (daemon.py), and the X-Ray API answers (api.py): with summaries (summaries.py) of the traces that an
expression (expressions.py) is true of. Traces are kept in memory (traces.py): AWS keeps them for 30 days, here the
newest stay until the server stops.
"""

import os
from collections.abc import Callable
from typing import Any

from recsys.local.aws.xray import functions
from recsys.local.aws.xray.api import answer as answer
from recsys.local.aws.xray.context import continued as continued
from recsys.local.aws.xray.daemon import Daemon
from recsys.local.aws.xray.traces import Traces

SCOPE = "/xray/aws4_request"

traces = Traces()


def install(may: Callable[[dict[str, Any], str], bool]) -> Daemon:
    """Let Lambda trace, and start the daemon functions send to. `may`: whether a function's role may do an action."""
    daemon = Daemon(traces)
    os.environ["AWS_XRAY_DAEMON_ADDRESS"] = daemon.address  # the workers of functions inherit it
    functions.install(traces, may)
    return daemon
