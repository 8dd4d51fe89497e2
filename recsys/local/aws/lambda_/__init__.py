"""Lambda: its functions, their workers, calls, logs and metrics. (`lambda` is a keyword.)

MiniStack kills a function's worker at every exception and every update, guesses which lines belong to a call, counts a
throttled asynchronous call as failed, calls without looking at the function's role, and counts only what comes through
the Invoke API.

worker          a worker outlives an exception, and ends with its server
updates         an update lets the calls in progress end
exchange        every line of a call is told with that call, as many as a log takes, and none is waited for
threads         a call takes a thread that is there
async_calls     asynchronous calls wait for their turn, and outlast a restart
roles           a function has its role's credentials; what Lambda does in its name is checked
metrics         every call counts
limits          numbers and environments that Lambda refuses
account_limits  how many calls at once functions may reserve of the account's

Event source mappings from a stream are in kinesis/, what Lambda adds to a trace is in xray/functions.py.
"""

from recsys.local.aws.lambda_ import (
    account_limits,
    async_calls,
    exchange,
    limits,
    metrics,
    roles,
    threads,
    updates,
    worker,
)


def install() -> None:
    """Change how functions are made, called and told of."""
    worker.install()
    updates.install()
    exchange.install()
    threads.install()
    async_calls.install()
    roles.install()
    metrics.install()  # around the check of `roles`: a call counts whether its function may log or not
    limits.install()
    account_limits.install()
