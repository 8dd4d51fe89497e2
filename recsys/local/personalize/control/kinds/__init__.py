"""What is special about each kind of resource: one module per family, one Rule per kind."""

from recsys.local.personalize.control.kinds import campaigns, datasets, imports, recommenders, solutions, trackers
from recsys.local.personalize.control.kinds.rule import Rule

_PLAIN = Rule()
_RULES = datasets.RULES | imports.RULES | trackers.RULES | solutions.RULES | campaigns.RULES | recommenders.RULES


def rule_of(kind: str) -> Rule:
    """The rule of a kind of the table; a kind without special cases has the plain one."""
    return _RULES.get(kind, _PLAIN)
