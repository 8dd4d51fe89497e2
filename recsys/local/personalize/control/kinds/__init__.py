"""What is special about each kind of resource: one module per family, one Rule per kind."""

from recsys.local.personalize.control.kinds import (
    attributions,
    batches,
    campaigns,
    datasets,
    deletions,
    exports,
    imports,
    recommenders,
    solutions,
    trackers,
)
from recsys.local.personalize.control.kinds.rule import Rule

_PLAIN = Rule()
_FAMILIES = (
    datasets,
    imports,
    exports,
    deletions,
    trackers,
    solutions,
    campaigns,
    recommenders,
    attributions,
    batches,
)
_RULES = {kind: rule for family in _FAMILIES for kind, rule in family.RULES.items()}


def rule_of(kind: str) -> Rule:
    """The rule of a kind of the table; a kind without special cases has the plain one."""
    return _RULES.get(kind, _PLAIN)
