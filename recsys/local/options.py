"""What a server is told when it starts: which services, and how Personalize behaves. The same words everywhere."""

import argparse
import re
from dataclasses import dataclass

from recsys.errors import LocalError
from recsys.local.aws.host import ACCOUNT
from recsys.local.personalize.control.clock import Clock

ALL, PERSONALIZE = "all", "personalize"
SERVICES = (ALL, PERSONALIZE)


@dataclass(frozen=True)
class Options:
    """Options of `recsys local up` beside the port and the state. Raises LocalError where they make no sense.

    s3_endpoint, account: only for Personalize on its own; the embedded AWS has an S3 and an account number itself.
    day_seconds: how long a day of Personalize's schedules lasts, in seconds.
    requests_per_second: how many requests of each operation Personalize takes a second; None for any number.
    """

    services: str = ALL
    s3_endpoint: str | None = None
    account: str = ACCOUNT
    auto_training: bool = True
    day_seconds: float = Clock.day_seconds
    requests_per_second: float | None = None

    def __post_init__(self) -> None:
        if self.services not in SERVICES:
            raise LocalError(f"--services {self.services}: choose one of {', '.join(SERVICES)}")
        if self.services == ALL and (self.s3_endpoint or self.account != ACCOUNT):
            raise LocalError("--s3-endpoint and --account are for --services personalize")
        if self.s3_endpoint and not re.match(r"https?://[^/]", self.s3_endpoint):
            raise LocalError(f"--s3-endpoint {self.s3_endpoint}: give a URL such as http://127.0.0.1:4566")
        if not re.fullmatch(r"\d{12}", self.account):
            raise LocalError(f"--account {self.account}: an account number has 12 digits")
        if not self.day_seconds > 0:
            raise LocalError(f"--day-seconds {self.day_seconds:g}: a day must last longer than nothing")
        if self.requests_per_second is not None and not self.requests_per_second > 0:
            raise LocalError(f"--requests-per-second {self.requests_per_second:g}: nothing would be answered")

    @property
    def alone(self) -> bool:
        """Whether Personalize is all that is served."""
        return self.services == PERSONALIZE

    @property
    def name(self) -> str:
        """What the server is called in messages."""
        return "Amazon Personalize" if self.alone else "the embedded AWS"

    @property
    def clock(self) -> Clock:
        return Clock(self.day_seconds, self.auto_training)

    def arguments(self) -> list[str]:
        """The options as the server's command line has them."""
        words = ["--services", self.services, "--account", self.account, "--day-seconds", str(self.day_seconds)]
        words += ["--s3-endpoint", self.s3_endpoint] if self.s3_endpoint else []
        words += ["--requests-per-second", str(self.requests_per_second)] if self.requests_per_second else []
        return words if self.auto_training else [*words, "--no-auto-training"]

    @staticmethod
    def add_to(parser: argparse.ArgumentParser) -> None:
        """The other direction: options for `parser`, named like the members here."""
        parser.add_argument("--services", default=ALL, choices=SERVICES)
        parser.add_argument("--s3-endpoint")
        parser.add_argument("--account", default=ACCOUNT)
        parser.add_argument("--day-seconds", type=float, default=Clock.day_seconds)
        parser.add_argument("--requests-per-second", type=float)
        parser.add_argument("--no-auto-training", dest="auto_training", action="store_false")
