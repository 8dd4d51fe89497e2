"""Which interactions a solution learns from: eventType, eventValueThreshold, eventsConfig.

The same choice holds for the history a campaign scores from [AWS does not say; training on purchases and scoring from
clicks would mix two languages]. Event types compare without case, as in filters. Weights of an eventsConfig are kept
and shown, and do not yet weigh anything.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Selection:
    """Any of (event type in lower case or None for all, least event value or None) lets an interaction in."""

    rules: tuple[tuple[str | None, float | None], ...]

    @classmethod
    def of(cls, event_type: str | None, config: dict[str, Any]) -> "Selection":
        """From a solution's eventType and solutionConfig."""
        listed = config.get("eventsConfig", {}).get("eventParametersList", [])
        if listed:
            return cls(tuple((_lower(entry.get("eventType")), entry.get("eventValueThreshold")) for entry in listed))
        threshold = config.get("eventValueThreshold")
        return cls(((_lower(event_type), float(threshold) if threshold else None),))

    @property
    def everything(self) -> bool:
        return (None, None) in self.rules

    @property
    def name(self) -> str:
        """The event types, for a message."""
        return ", ".join(name or "any" for name, _ in self.rules)

    def one(self, event_type: str, value: float | None) -> bool:
        """Whether a single event is let in."""
        return any(
            (name is None or name == event_type.lower()) and (least is None or (value is not None and value >= least))
            for name, least in self.rules
        )

    def mask(self, types: list[str], codes: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(n,) which events are let in; `types[codes[i]]` is the type of event i, `values` (n,) has NaN for none."""
        chosen = np.zeros(len(codes), bool)
        for name, least in self.rules:
            of_type = np.array([name is None or name == _lower(kind) for kind in types] or [name is None])
            mask = of_type[codes]
            chosen |= mask if least is None else mask & (values >= least)
        return chosen


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None
