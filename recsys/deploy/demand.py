"""What is asked of an environment, and a line of what that costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recsys.deploy import template

HOURS = 730.0  # of a month
BATCHES = 30.4  # daily batches of a month
# Sizes of one each as seen with the sample shop, in GB.
EVENT_GB, ANSWER_GB = 200e-9, 2e-6


@dataclass(frozen=True)
class Demand:
    """What is asked of the environment. All counts but `interactions` and `users` are per month.

    parameters: of the template, those that are given. zones: of a VPC, those that get private ways (endpoints.yaml).
    """

    interactions: int = 100_000
    users: int = 10_000
    requests: int = 1_000_000
    events: int = 1_000_000
    trainings: float = 0.0
    parameters: Mapping[str, str] = field(default_factory=dict)
    zones: int = 0

    def chosen(self, name: str) -> str:
        """The value of a template's parameter, given or its default."""
        return self.parameters.get(name, template.defaults()[name])


@dataclass(frozen=True)
class Line:
    """One resource: USD once, for each hour that it stands, for a month's demand, and for a million of what it counts.

    `million` names what is counted, requests or events; a campaign's are those beyond what is always ready.
    `unpriced` names the parameter, with its value, whose price is not known: the line counts nothing of it.
    """

    resource: str
    size: str
    once: float = 0.0
    hour: float = 0.0
    demand: float = 0.0
    per_million: float = 0.0
    million: str = ""
    unpriced: str = ""

    @property
    def month(self) -> float:
        """USD of a month in which it always stands."""
        return HOURS * self.hour + self.demand


def used(resource: str, size: str, count: float, price: float, million: str, hour: float = 0.0) -> Line:
    """What costs `price` for each of `count` requests or events, and perhaps by the hour besides."""
    return Line(resource, size, hour=hour, demand=count * price, per_million=1e6 * price, million=million)
