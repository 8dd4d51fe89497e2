"""Hyperparameter optimization: the combinations that are tried, within the ranges asked for or the recipe's own.

AWS names the objective nowhere and lets nobody choose it; here it is NDCG@10 on training users set aside. Combinations
are spread evenly over the ranges (a Halton sequence), the recipe's defaults first. Trials run one after the other: they
would only wait for each other's cores, so that maxParallelTrainingJobs has no effect.
"""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from recsys.local.personalize.recipes import Parameter, Recipe

JOBS = 20  # trials where maxNumberOfTrainingJobs is not given [AWS names no default]
REACH = 20  # points looked at for each trial: whole numbers repeat, and a range may have fewer than are allowed

Range = tuple[float, float] | list[str]
Combination = dict[str, str]


def combinations(recipe: Recipe, config: dict[str, Any], given: Combination) -> list[Combination]:
    """What HPO tries: a value for each hyperparameter that varies, as solutions write them.

    Those whose ranges hpoConfig gives vary, or all that can where it gives none; what a solution sets does not vary.
    """
    asked = config.get("hpoConfig", {})
    limits = ranges(asked.get("algorithmHyperParameterRanges", {}))
    varied = {
        name: limits.get(name, _whole(each)) for name, each in recipe.tunable.items() if name in limits or not limits
    }
    varied = {name: limit for name, limit in varied.items() if name not in given}
    tunable = [(recipe.tunable[name], limit) for name, limit in varied.items()]
    jobs = int(asked.get("hpoResourceConfig", {}).get("maxNumberOfTrainingJobs", JOBS))
    found = {tuple(_nearest(*each) for each in tunable): None}
    for point in islice(_spread(len(tunable)), REACH * jobs):
        if len(found) < jobs:
            found.setdefault(tuple(_at(*each, place) for each, place in zip(tunable, point, strict=True)))
    return [dict(zip(varied, values, strict=True)) for values in found]


def ranges(asked: dict[str, list[dict[str, Any]]]) -> dict[str, Range]:
    """Ranges by name, of the three lists of algorithmHyperParameterRanges."""
    listed = [entry for entries in asked.values() for entry in entries]
    return {entry["name"]: entry.get("values") or (entry["minValue"], entry["maxValue"]) for entry in listed}


def _whole(parameter: Parameter) -> Range:
    return list(parameter.values) if parameter.values else (parameter.low, parameter.high)


def _nearest(parameter: Parameter, limit: Range) -> str:
    """The default, or what of the range is nearest to it."""
    if isinstance(limit, list):
        return parameter.default if parameter.default in limit else limit[0]
    return _text(parameter, min(max(float(parameter.default), limit[0]), limit[1]))


def _at(parameter: Parameter, limit: Range, place: float) -> str:
    """The value at a place of the range, from 0 to below 1."""
    if isinstance(limit, list):
        return limit[int(place * len(limit))]
    low, high = limit
    step = 1 if parameter.kind == "integer" else 0
    return _text(parameter, min(high, low + place * (high - low + step)))


def _text(parameter: Parameter, value: float) -> str:
    return str(int(value)) if parameter.kind == "integer" else f"{value:.6g}"


def _spread(dimensions: int) -> Iterator[list[float]]:
    """Points of the unit cube: Halton's sequence over the first primes."""
    for number in count(1):
        yield [_radical_inverse(number, base) for base in (2, 3, 5)[:dimensions]]


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number in a base, mirrored behind the point: 6 = 110 in base 2 gives .011 = 3/8."""
    found, share = 0.0, 1.0
    while number:
        share /= base
        found += share * (number % base)
        number //= base
    return found
