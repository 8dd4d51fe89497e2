"""Filter expressions: parsed with a grammar, checked against the group's schemas, evaluated as masks over items."""

from recsys.local.personalize.filters.check import check_filter
from recsys.local.personalize.filters.grammar import Clause, Condition, parse
from recsys.local.personalize.filters.masks import Scene, allowed

__all__ = ["Clause", "Condition", "Scene", "allowed", "check_filter", "parse"]
