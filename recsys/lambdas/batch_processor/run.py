"""One day's run: the segments of the table side by side, step by step.

A step takes the next active users of a segment, asks for their items, writes them into the profiles, then writes a part
of the results, and last of all the checkpoint. What counts is only what a checkpoint says: a step that was cut off
before its checkpoint is done again from the same key, serves its users a second time, and writes the same part over
the first. So nobody is skipped, and nobody counted or listed twice.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ..clock import Clock, OutOfTime
from .endpoint import EndpointSource
from .files import Files
from .profiles import EXPIRED, Key, Profiles, Users
from .source import CampaignSource
from .state import REASONS, Segment, State

PAGES_A_STEP = 50  # at most, where hardly anybody is active

Source = CampaignSource | EndpointSource


class Run:
    """A run at work in one invocation; `progressed` once a step is in the checkpoint."""

    def __init__(self, state: State, profiles: Profiles, source: Source, files: Files, clock: Clock) -> None:
        self.state, self.profiles, self.source, self.files, self.clock = state, profiles, source, files, clock
        self.progressed = False
        self.lock = threading.Lock()
        self.begun = time.monotonic() - state.seconds

    def work(self) -> None:
        """Serve every active user not yet served, then write the results.

        Raises OutOfTime where a successor has to go on, Gone, NoTable or ClientError where nobody can.
        """
        with ThreadPoolExecutor(len(self.state.segments)) as pool:
            working = [pool.submit(self._segment, number) for number in range(len(self.state.segments))]
        errors = [error for future in working if (error := future.exception())]
        if errors:
            raise next((error for error in errors if not isinstance(error, OutOfTime)), errors[0])
        self.state.seconds = time.monotonic() - self.begun
        head = {"date": self.state.date, "recommendedBy": self.source.name, **self.state.counts()}
        self.files.join(self.state.segments, {**head, "reasons": self.state.reasons}, self.clock)

    def _segment(self, number: int) -> None:
        segment = self.state.segments[number]
        try:
            while not segment.finished:
                users, key = self._users(number, segment.key)
                self._step(number, segment, users, key)
        except BaseException:
            self.clock.stop()  # the other segments need not go on
            raise

    def _users(self, number: int, key: Key | None) -> tuple[Users, Key | None]:
        users: Users = {}
        for _ in range(PAGES_A_STEP):
            found, key = self.profiles.page(number, len(self.state.segments), key, self.clock)
            users = {**users, **found}
            if key is None or len(users) >= self.profiles.at_once / 2:  # so that a step is worth its checkpoint
                break
        return users, key

    def _step(self, number: int, segment: Segment, users: Users, key: Key | None) -> None:
        answers = self.source.recommend(users, self.clock)
        items = {user: answer for user, answer in answers.items() if not isinstance(answer, Exception)}
        failed = {user: str(answer) for user, answer in answers.items() if isinstance(answer, Exception)}
        refused = self.profiles.write(items, self.source.name, self.clock)
        failed |= {user: f"profile: {code}" for user, code in refused.items() if code != EXPIRED}
        served = {user: best for user, best in items.items() if user not in refused}
        if served:
            self.files.put_part(number, segment.parts, served)
        with self.lock:
            segment.key, segment.finished = key, key is None
            segment.parts += bool(served)
            segment.found += len(users)
            segment.served += len(served)
            segment.failed += len(failed)
            segment.expired += len(users) - len(served) - len(failed)
            reasons = [{"userId": user, "reason": reason} for user, reason in failed.items()]
            self.state.reasons = [*self.state.reasons, *reasons][:REASONS]
            self.state.seconds = time.monotonic() - self.begun
            self.files.save(self.state)
            self.progressed = True
