"""Filter expressions: parsed with a grammar, checked against the group's schemas, evaluated as masks over a table.

grammar.py  the language: an expression becomes clauses
check.py    what a clause may say about which dataset
columns.py  numbers and texts that a condition is evaluated on
table.py    the rows of Items, Users or Actions by id, and their columns
scene.py    what a request brings: candidates, its user and item, interactions
masks.py    clauses over a scene

    clauses = check_filter(expression, fields)          # at CreateFilter; check_use() where it is applied
    candidates = Candidates(table, place_of)            # once per model
    mask = allowed(clauses, values, candidates, Scene(users, user, item, interacted))
"""

from recsys.local.personalize.filters.check import check_filter, check_use, fields_used
from recsys.local.personalize.filters.grammar import Clause, Condition, parse
from recsys.local.personalize.filters.masks import admits_unknown, allowed
from recsys.local.personalize.filters.scene import Candidates, Scene, by_type
from recsys.local.personalize.filters.table import Table

__all__ = [
    "Candidates",
    "Clause",
    "Condition",
    "Scene",
    "Table",
    "admits_unknown",
    "allowed",
    "by_type",
    "check_filter",
    "check_use",
    "fields_used",
    "parse",
]
