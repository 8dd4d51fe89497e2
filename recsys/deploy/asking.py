"""Somebody who asks the API all the while something else goes on: is anybody kept waiting?"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

from recsys.deploy import api

if TYPE_CHECKING:
    import pandas as pd  # slow to import, which most commands need not wait for

COLUMNS = ["at", "status", "source", "milliseconds"]
NO_ANSWER = 0  # in place of a status


class Responses:
    """What came back so far."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, int, str, float]] = []

    def table(self) -> "pd.DataFrame":
        """A row per request: at (when it was sent, epoch seconds), status, source and milliseconds.

        The status is 0, and the source what was wrong, where nothing answered; a refusal's source is its error code.
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=COLUMNS)


@contextmanager
def requests_meanwhile(url: str, users: Sequence[str], num_results: int) -> Iterator[Responses]:
    """Ask for recommendations until the block ends, one request at a time, the users in turn.

    The pause between two grows from 50 ms to 2 s with the time already asked: a short while is seen closely, and hours
    on AWS cost few requests. The first minutes ask more than the one a second that a campaign provides at least.
    """
    responses, over = Responses(), threading.Event()
    thread = threading.Thread(target=_ask, args=(url, users, num_results, responses.rows, over), daemon=True)
    thread.start()
    try:
        yield responses
    finally:
        over.set()
        thread.join()


def _ask(url: str, users: Sequence[str], num_results: int, rows: list, over: threading.Event) -> None:
    started = time.monotonic()
    for user in cycle(users):
        sent, begun = time.time(), time.perf_counter()
        try:
            status, answer = api.get(api.recommendations_url(url, user, num_results))
            source = str(answer.get("source") or answer.get("error", {}).get("code", "unknown"))
        except Exception as error:  # whatever it is, the caller has no answer, and the next one is to be asked for
            status, source = NO_ANSWER, str(error)
        rows.append((sent, status, source, 1000 * (time.perf_counter() - begun)))
        if over.wait(min(2.0, max(0.05, (time.monotonic() - started) / 200))):
            return
