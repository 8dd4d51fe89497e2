"""A/B tests of campaigns: which variant a user is in, and a record of every answer that was given in one.

The environment tells which experiments run: JSON, route -> {"name": ..., "campaigns": {variant: ARN}, "weights":
{variant: number}}; without weights the variants share the users equally. A user stays in a variant as long as name,
variants and weights stay: it follows from a hash of experiment and user. Another name draws all users anew; the same
name on two routes draws them alike. A call that names no user is in no variant.
"""

import hashlib
import json
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ..tracing import annotate
from .answers import Answer

ROUTES = ("recommendations", "similar-items", "rankings")  # those that a campaign answers
FIELDS = {"name", "campaigns", "weights"}


class BadExperiments(ValueError):
    """The environment's EXPERIMENTS cannot be understood; the message says why."""


@dataclass(frozen=True)
class Variant:
    """One arm of an experiment, the campaign that answers its users, and its share of all users."""

    route: str
    experiment: str
    name: str
    campaign_arn: str
    share: float


@dataclass(frozen=True)
class Experiment:
    """`bounds` are the variants' cumulative shares of the users, the last of them 1."""

    name: str
    variants: tuple[Variant, ...]
    bounds: tuple[float, ...]

    def variant(self, user: str) -> Variant:
        """The variant this user is in."""
        digest = hashlib.sha256(f"{self.name}\0{user}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64  # uniform in [0, 1]
        return self.variants[bisect(self.bounds[:-1], place)]


def configured(text: str) -> dict[str, Experiment]:
    """The experiments in the environment variable's text, by route. Raises BadExperiments."""
    try:
        asked = json.loads(text or "{}")
    except ValueError as error:
        raise BadExperiments(f"EXPERIMENTS is not JSON: {error}") from error
    if not isinstance(asked, dict) or set(asked) - set(ROUTES):
        raise BadExperiments(f"EXPERIMENTS: expected an object with the routes {', '.join(ROUTES)}, not {text[:200]}")
    return {route: _experiment(route, entry) for route, entry in asked.items()}


def served(variant: Variant | None, answer: Answer) -> bool:
    """Whether an answer is its variant's campaign's own, or to a call that is in no variant."""
    return variant is None or answer.variant == variant.name


def record_exposure(variant: Variant | None, user: str | None, answer: Answer) -> dict[str, Any]:
    """Count one exposure, a metric by route, experiment and variant that is a log line too.

    Returns what the answer says of it, its `experiment`; {} without a variant.
    """
    if variant is None:
        return {}
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # 12 ms of a cold start that not all need

    own = served(variant, answer)
    annotate(experiment=variant.experiment, variant=variant.name, served=own)
    dimensions = {"route": variant.route, "experiment": variant.experiment, "variant": variant.name}
    with single_metric(name="Exposures", unit=MetricUnit.Count, value=1, namespace="Recsys") as metric:
        for name, value in dimensions.items():
            metric.add_dimension(name=name, value=value)
        told = {"userId": user, "recommendationId": answer.recommendation_id, "served": own, "share": variant.share}
        for name, value in told.items():
            metric.add_metadata(key=name, value=value)
    return {"experiment": {"name": variant.experiment, "variant": variant.name, "served": own}}


def _experiment(route: str, entry: Any) -> Experiment:
    where = f"EXPERIMENTS: {route}"
    if not isinstance(entry, dict) or set(entry) - FIELDS:
        raise BadExperiments(f"{where}: expected {', '.join(sorted(FIELDS))}, not {entry!r}")
    name, campaigns = entry.get("name"), entry.get("campaigns")
    if not isinstance(name, str) or not name:
        raise BadExperiments(f"{where}.name: expected a text, not {name!r}")
    if not isinstance(campaigns, dict) or len(campaigns) < 2 or not all(map(_arn, campaigns.values())):
        raise BadExperiments(f"{where}.campaigns: expected two variants or more, each with a campaign's ARN")
    shares = _shares(where, entry.get("weights", dict.fromkeys(campaigns, 1)), campaigns)
    drawn = zip(campaigns.items(), shares, strict=True)
    variants = tuple(Variant(route, name, variant, arn, share) for (variant, arn), share in drawn)
    return Experiment(name, variants, tuple(accumulate(shares)))


def _shares(where: str, weights: Any, campaigns: Mapping[str, str]) -> list[float]:
    if not isinstance(weights, dict) or set(weights) != set(campaigns):
        raise BadExperiments(f"{where}.weights: expected a number for each of {', '.join(campaigns)}")
    if not all(isinstance(each, int | float) and each >= 0 for each in weights.values()) or not sum(weights.values()):
        raise BadExperiments(f"{where}.weights: expected numbers from 0 on, not all 0, not {weights}")
    return [weights[variant] / sum(weights.values()) for variant in campaigns]


def _arn(text: Any) -> bool:
    return isinstance(text, str) and ":personalize:" in text and ":campaign/" in text
