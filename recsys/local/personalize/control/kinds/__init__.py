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
RULES: dict[str, Rule] = {kind: rule for family in _FAMILIES for kind, rule in family.RULES.items()}
