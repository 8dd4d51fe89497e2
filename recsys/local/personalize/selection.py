"""What a solution learns from: which interactions, how much each counts, and which columns.

Interactions: eventType, eventValueThreshold, eventsConfig. Columns: trainingDataConfig.

The same choice holds for the history a campaign scores from [AWS does not say; training on purchases and scoring from
clicks would mix two languages]. Event types compare without case, as in filters. The weights of an eventsConfig weigh
what is predicted, not the history it is predicted from; an eventsConfig takes the place of eventType and
eventValueThreshold where a solution has both [AWS does not say].
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.local.personalize import recipes
from recsys.local.personalize.schemas import Field


@dataclass(frozen=True)
class Rule:
    """Lets in events of a type (None: all types) with at least that value (None: any value or none)."""

    event_type: str | None = None
    least: float | None = None
    weight: float = 1.0

    def fits(self, event_type: str) -> bool:
        return self.event_type is None or self.event_type.lower() == event_type.lower()


@dataclass(frozen=True)
class Selection:
    """An interaction is let in by any of the rules; it weighs as much as the heaviest rule that lets it in."""

    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, event_type: str | None, config: dict[str, Any]) -> "Selection":
        """From a solution's eventType and solutionConfig."""
        listed = config.get("eventsConfig", {}).get("eventParametersList", [])
        if listed:
            mean = sum(entry.get("weight", 1.0) for entry in listed) / len(listed)
            return cls(tuple(_rule(entry, mean) for entry in listed))
        threshold = config.get("eventValueThreshold")
        return cls((Rule(event_type or None, float(threshold) if threshold else None),))

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> "Selection":
        """What a SolutionVersion or a Recommender learns from, by its document."""
        event_type = document.get("eventType") or recipes.by_arn(document["recipeArn"]).event
        return cls.of(event_type, document.get("solutionConfig", {}))

    @property
    def everything(self) -> bool:
        return any(rule.event_type is None and rule.least is None for rule in self.rules)

    @property
    def weighted(self) -> bool:
        """Whether some events weigh more than others."""
        return len({rule.weight for rule in self.rules}) > 1

    @property
    def name(self) -> str:
        """The event types, for a message."""
        return ", ".join(rule.event_type or "any" for rule in self.rules)

    def one(self, event_type: str, value: float | None) -> bool:
        """Whether a single event is let in."""
        return any(
            rule.fits(event_type) and (rule.least is None or (value is not None and value >= rule.least))
            for rule in self.rules
        )

    def mask(self, types: list[str], codes: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n,) which events are let in; `types[codes[i]]` is the type of event i, `values` (n,) has NaN for none."""
        return self.weights(types, codes, values) >= 0

    def weights(self, types: list[str], codes: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n,) float32 what each event weighs; below 0 where it is not let in."""
        found = np.full(len(codes), -1.0, np.float32)
        for rule in self.rules:
            of_type = np.array([rule.fits(kind or "") for kind in types] or [rule.event_type is None])
            let_in = of_type[codes] if rule.least is None else of_type[codes] & (values >= rule.least)
            found[let_in] = np.maximum(found[let_in], np.float32(rule.weight))
        return found


def _rule(entry: dict[str, Any], mean: float) -> Rule:
    """Weights are relative to their mean, as in AWS's example: .3 and .1 weigh 1.5 and 0.5."""
    weight = entry.get("weight", 1.0) / mean if mean else 1.0
    return Rule(entry.get("eventType"), entry.get("eventValueThreshold"), weight)


def learned(fields: Mapping[str, Field], training: Mapping[str, Any], kind: str) -> dict[str, Field]:
    """The fields of a dataset type (upper case) that a trainingDataConfig lets training learn from."""
    included = _named(training.get("includedDatasetColumns"), kind)
    excluded = _named(training.get("excludedDatasetColumns"), kind) or set()
    return {
        name: each
        for name, each in fields.items()
        if name.upper() not in excluded and (included is None or name.upper() in included)
    }


def _named(columns: Mapping[str, Iterable[str]] | None, kind: str) -> set[str] | None:
    """The columns named for a dataset type, in upper case; None where the type is not named."""
    for name, listed in (columns or {}).items():
        if name.upper() == kind:
            return set(map(str.upper, listed))
    return None
