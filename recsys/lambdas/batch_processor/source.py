"""Where recommendations come from: users in, for each its items or its error out.

A source says in `asks_events` whether it wants to know what the users did last, and in `at_once` how many profiles are
read for a step: so many as it answers in about a second, since what a cut-off run repeats is a step of each segment.
"""

from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from ..campaign import Campaign, Item
from ..clock import Clock
from ..transient import is_transient
from .profiles import Users

RESULTS = 10  # items a user; each adds about 100 bytes to a profile that every event reads and writes
THREADS = 32
NOBODY = ("AccessDeniedException", "ResourceNotFoundException")  # what is answered alike whoever is asked for


class Gone(Exception):
    """The source cannot answer for anybody."""


class CampaignSource:
    """A campaign, which answers for one user a call: many calls at a time, throttled ones again after a while.

    It learns of events by itself.
    """

    asks_events = False
    at_once = 100

    def __init__(self, campaign: Campaign) -> None:
        self.campaign, self.name = campaign, campaign.arn
        self.pool = ThreadPoolExecutor(THREADS)

    def recommend(self, users: Users, clock: Clock) -> dict[str, list[Item] | Exception]:
        """Each user's items, best first, or why there are none. Raises Gone, or OutOfTime: then for nobody."""
        outcomes = self.pool.map(lambda user: self._ask(user, clock), users)
        return dict(zip(users, outcomes, strict=True))

    def _ask(self, user: str, clock: Clock) -> list[Item] | Exception:
        failure: Exception = RuntimeError("not asked")
        for _ in clock.attempts():
            try:
                return self.campaign.ask(RESULTS, userId=user)[0]
            except (ClientError, BotoCoreError) as error:
                failure = error
            if isinstance(failure, ClientError) and failure.response["Error"]["Code"] in NOBODY:
                raise Gone(f"campaign {self.name}: {failure}") from failure
            if not is_transient(failure):
                break
        return failure
