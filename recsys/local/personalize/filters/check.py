"""What a filter expression may say, beyond its grammar: fields that exist, operators that fit them."""

from recsys.local.personalize.errors import ServiceError, invalid
from recsys.local.personalize.filters.grammar import Clause, Condition, FieldOf, Param, parse, refused
from recsys.local.personalize.schemas import Field, plain

Fields = dict[str, dict[str, Field]]
DATASETS = ("Interactions", "Items")
IN_OPS = ("IN", "NOT IN")
MOST_FIELDS = 10


def check_filter(expression: str, fields: Fields) -> tuple[Clause, ...]:
    """The parsed expression. `fields` are those of the group's datasets. Raises InvalidInputException."""
    clauses = parse(expression)
    for clause in clauses:
        _check_clause(expression, clause, fields)
    names = {(c.dataset.lower(), plain(c.field)) for clause in clauses for c in (*clause.conditions, *clause.when)}
    if len(names) > MOST_FIELDS:
        raise invalid(f"Could not create filter. It uses {len(names)} fields; the most is {MOST_FIELDS}.")
    return clauses


def _check_clause(expression: str, clause: Clause, fields: Fields) -> None:
    if clause.target != "ITEMID":
        message = f"Filters over {clause.target} are not implemented here yet"
        raise ServiceError("NotImplementedException", message, 501)
    first = clause.conditions[0]
    for condition in clause.conditions:
        if condition.dataset.lower() != first.dataset.lower():
            why = f"{first.dataset} and {condition.dataset} cannot be combined; use | between two expressions"
            raise refused(expression, condition.column, why)
        dataset = next((name for name in DATASETS if name.lower() == condition.dataset.lower()), None)
        if dataset is None:
            raise refused(expression, condition.column, f"{condition.dataset} is not one of {', '.join(DATASETS)}")
        _check_condition(expression, condition, dataset, fields)
    for condition in clause.when:
        if condition.dataset.lower() != "currentuser":
            raise refused(expression, condition.column, f"IF takes CurrentUser only, not {condition.dataset}")
        _check_condition(expression, condition, "Users", fields)


def _check_condition(expression: str, condition: Condition, dataset: str, fields: Fields) -> None:
    if condition.op == "NOT IN" and condition.params:
        raise invalid(
            f"Could not create filter. Invalid input symbol: ${condition.params[0]}. "
            "Placeholders are not allowed with NOT_IN operator."
        )
    if dataset == "Interactions" and plain(condition.field) != "eventtype":
        raise refused(
            expression, condition.column, f"Interactions.{condition.field}: only EVENT_TYPE can be filtered by"
        )
    if "*" in condition.values and dataset != "Interactions":
        raise refused(expression, condition.column, '"*" is for Interactions.EVENT_TYPE only')
    field = find_field(fields.get(dataset, {}), condition.field)
    if field is None and not (dataset == "Interactions" and not fields.get(dataset)):
        raise refused(expression, condition.column, f"{dataset} has no field {condition.field}")
    if field is not None:
        _check_types(expression, condition, field)


def _check_types(expression: str, condition: Condition, field: Field) -> None:
    if field.textual or field.type == "boolean":
        raise refused(expression, condition.column, f"{field.name} is textual or boolean and cannot be filtered by")
    for value in condition.values:
        if isinstance(value, FieldOf) and value.dataset.lower() != "currentitem":
            raise refused(expression, condition.column, f"{value.dataset}.{value.name} cannot be a value")
        if isinstance(value, (Param, FieldOf)):
            continue
        if field.numeric and isinstance(value, str):
            raise refused(expression, condition.column, f"{field.name} is a number and {value!r} is a text")
        if not field.numeric and isinstance(value, float) and condition.op in IN_OPS:
            raise refused(expression, condition.column, f"{field.name} is a text: put {value:g} in double quotes")
    if not field.numeric and condition.op in ("<", "<=", ">", ">="):
        raise refused(expression, condition.column, f"{condition.op} needs a number and {field.name} is a text")


def find_field(fields: dict[str, Field], name: str) -> Field | None:
    """A field by its name in any case, as programs write them."""
    return next((field for field in fields.values() if field.name.lower() == name.lower()), None)
