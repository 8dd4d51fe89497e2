"""What a filter may say beyond its grammar: datasets that go together, fields that exist, operators that fit them.

Sources: the developer guide's "Guidelines and requirements" and "Filter expression structure and elements". [AWS does
not say, and it is refused here: different targets in one filter; IF and CurrentItem where there is no current user or
item, that is in filters over users, and CurrentItem in those over actions.]
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from recsys.local.personalize.errors import invalid
from recsys.local.personalize.filters.grammar import Clause, Condition, FieldOf, Value, parse, refused
from recsys.local.personalize.schemas import Field
from recsys.local.shared.errors import ServiceError

Fields = Mapping[str, Mapping[str, Field]]
MOST_FIELDS = 10


class Datasets(NamedTuple):
    """Where the metadata of a target is, and the interactions with it."""

    metadata: str
    events: str


DATASETS = {
    "ItemID": Datasets("Items", "Interactions"),
    "UserID": Datasets("Users", "Interactions"),
    "ActionID": Datasets("Actions", "Action_Interactions"),
}
EVENTS = {datasets.events for datasets in DATASETS.values()}
ALIASES = {"action": "actions"}  # an example of the guide writes Action.MEMBERSHIP_LEVEL
MANAGED = ("ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY")  # Personalize filters actions by these itself
ORDERING = ("<", "<=", ">", ">=")
EVENT_TYPE = Field("EVENT_TYPE", ("string",))


def check_filter(expression: str, fields: Fields) -> tuple[Clause, ...]:
    """The parsed expression, its datasets and fields named as in the schemas. Raises InvalidInputException.

    fields: those of each dataset of the group, by the dataset's name in filters: Items, Interactions, Users, ...
    """
    clauses = tuple(_Check(expression, clause.target, fields).clause(clause) for clause in parse(expression))
    for clause in clauses:
        if clause.target != clauses[0].target:
            why = f"{clauses[0].target} and {clause.target} cannot be combined"
            raise refused(expression, clause.column, why)
    used = len(fields_used(clauses))
    if used > MOST_FIELDS:
        raise invalid(f"Could not create filter. It uses {used} fields; the most is {MOST_FIELDS}.")
    return clauses


def fields_used(clauses: tuple[Clause, ...]) -> frozenset[tuple[str, str]]:
    """The distinct (dataset, field) of a checked filter; a group's quota is over the union of its filters' fields."""
    conditions = [condition for clause in clauses for condition in (*clause.conditions, *clause.when)]
    current = {("Items", value.name) for each in conditions for value in each.values if isinstance(value, FieldOf)}
    return frozenset(current | {(condition.dataset, condition.field) for condition in conditions})


def check_use(
    clauses: tuple[Clause, ...],
    target: str,
    current_item: bool = False,
    current_user: bool = True,
    interactions: bool = True,
) -> None:
    """Whether a filter fits a request. Raises InvalidInputException.

    target: ItemID, UserID or ActionID. current_item: the recipe gives related items. current_user: the request has a
    userId. interactions: filters over interactions are allowed; they are not for aws-item-attribute-affinity.
    """
    for clause in clauses:
        if clause.target != target:
            raise invalid(f"The filter is for {clause.target}; this request needs one for {target}")
        if not current_user and (clause.when or clause.conditions[0].dataset in EVENTS):
            raise invalid("userId is required for a filter over Interactions or with CurrentUser")
        for condition in clause.conditions:
            if not current_item and any(isinstance(value, FieldOf) for value in condition.values):
                raise invalid("A filter with CurrentItem applies to related items recommendations only")
            if not interactions and condition.dataset in EVENTS:
                raise invalid(f"A filter over {condition.dataset} cannot be used with this recipe")


@dataclass(frozen=True)
class _Check:
    """The clauses of one target held against the fields; each method returns its part with the schemas' names."""

    expression: str
    target: str
    fields: Fields

    def clause(self, clause: Clause) -> Clause:
        first = clause.conditions[0].dataset
        for condition in clause.conditions:
            if condition.dataset.lower() != first.lower():
                why = f"{first} and {condition.dataset} cannot be combined; use | between two expressions"
                raise self.refused(condition.column, why)
        any_of = tuple(tuple(map(self.where, group)) for group in clause.any_of)
        return replace(clause, any_of=any_of, when=tuple(map(self.when, clause.when)))

    def where(self, condition: Condition) -> Condition:
        allowed, wanted = DATASETS[self.target], condition.dataset.lower()
        dataset = next((name for name in allowed if name.lower() == ALIASES.get(wanted, wanted)), None)
        if dataset is None:
            raise self.refused(condition.column, f"{condition.dataset} is not one of {', '.join(allowed)}")
        return self.named(condition, dataset)

    def when(self, condition: Condition) -> Condition:
        if condition.dataset.lower() != "currentuser":
            raise self.refused(condition.column, f"IF takes CurrentUser only, not {condition.dataset}")
        if self.target == "UserID":
            raise self.refused(condition.column, "there is no CurrentUser where users are filtered")
        return self.named(condition, "Users")

    def named(self, condition: Condition, dataset: str) -> Condition:
        if condition.op == "NOT IN" and condition.params:
            raise invalid(
                f"Could not create filter. Invalid input symbol: ${condition.params[0]}. "
                "Placeholders are not allowed with NOT_IN operator."
            )
        field = self.field(dataset, condition.field, condition.column)
        if not field.numeric and condition.op in ORDERING:
            raise self.refused(condition.column, f"{condition.op} needs a number and {field.name} is a text")
        pairs = zip(condition.values, condition.columns, strict=True)
        values = tuple(self.value(dataset, field, value, column) for value, column in pairs)
        return replace(condition, dataset=dataset, field=field.name, values=values)

    def field(self, dataset: str, name: str, column: int) -> Field:
        """A field that can be filtered by; of interactions that is EVENT_TYPE, even before there is a dataset."""
        known = self.fields.get(dataset, {})
        found = next((field for field in known.values() if field.name.lower() == name.lower()), None)
        if dataset in EVENTS:
            if name.lower() != "event_type":
                raise self.refused(column, f"{dataset}.{name}: only EVENT_TYPE can be filtered by")
            found = found or (None if known else EVENT_TYPE)
        if found is None:
            raise self.refused(column, f"{dataset} has no field {name}")
        if found.textual or found.type == "boolean":
            raise self.refused(column, f"{found.name} is textual or boolean and cannot be filtered by")
        if dataset == "Actions" and found.name in MANAGED:
            raise self.refused(column, f"Personalize filters by {found.name} itself")
        return found

    def value(self, dataset: str, field: Field, value: Value, column: int) -> Value:
        if isinstance(value, FieldOf):
            return self.current_item(dataset, field, value, column)
        if value == "*" and dataset not in EVENTS:
            raise self.refused(column, '"*" is for EVENT_TYPE only')
        if isinstance(value, str) and field.numeric:
            raise self.refused(column, f"{field.name} is a number and {value!r} is a text")
        if isinstance(value, float) and not field.numeric:
            raise self.refused(column, f"{field.name} is a text: put {value:g} in double quotes")
        return value

    def current_item(self, dataset: str, field: Field, value: FieldOf, column: int) -> FieldOf:
        if value.dataset.lower() != "currentitem" or dataset != "Items":
            raise self.refused(column, f"{value.dataset}.{value.name} cannot be a value here")
        other = self.field("Items", value.name, column)
        if other.numeric != field.numeric:
            raise self.refused(column, f"{field.name} and {other.name} are a number and a text")
        return FieldOf("CurrentItem", other.name)

    def refused(self, column: int, why: str) -> ServiceError:
        return refused(self.expression, column, why)
