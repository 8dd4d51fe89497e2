"""What a solutionConfig or a trainingDataConfig may ask of a recipe and a group's data; refusals where it may not."""

import re
from typing import TYPE_CHECKING, Any

from recsys.local.personalize.control.kinds.datasets import group_fields
from recsys.local.personalize.errors import invalid
from recsys.local.personalize.recipes import Parameter, Recipe
from recsys.local.personalize.schemas import DATASET_TYPES, TYPES, Field

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

Config = dict[str, Any]
Fields = dict[str, dict[str, Field]]

MOST_JOBS = {"maxNumberOfTrainingJobs": 40, "maxParallelTrainingJobs": 10}
DEFAULT_DAYS, MOST_DAYS = 7, 30


def check_solution(control: "Control", recipe: Recipe, group: str, config: Config, performs_hpo: bool) -> None:
    """A solutionConfig as a whole. Raises InvalidInputException."""
    fields = group_fields(control, group)
    check_datasets(recipe, fields)
    _check_given(recipe, config)
    if not is_number(config.get("eventValueThreshold", "0")):
        raise invalid(f"eventValueThreshold must be a number, not {config['eventValueThreshold']!r}")
    if performs_hpo and not recipe.tunable:
        raise invalid(f"Recipe {recipe.name} does not support hyperparameter optimization")
    _check_hpo(recipe, config.get("hpoConfig", {}))
    check_events(recipe, config)
    check_columns(config, fields)
    _check_objective(recipe, config.get("optimizationObjective", {}), fields.get("Items", {}))
    days_between(config)


def check_datasets(recipe: Recipe, fields: Fields) -> None:
    """Whether a group has the datasets a recipe needs. Raises InvalidInputException."""
    for kind in recipe.datasets:
        if DATASET_TYPES[kind] not in fields:
            raise invalid(f"Recipe {recipe.name} needs a dataset of type {kind}, which the dataset group does not have")
    items = fields.get("Items", {}).values()
    if recipe.engine == "semantic" and not any(field.textual or field.item_name for field in items):
        raise invalid(f"Recipe {recipe.name} needs a textual field or an itemName in the schema of the Items dataset")
    if recipe.name == "aws-item-attribute-affinity" and not any(_attribute(field) for field in items):
        raise invalid(f"Recipe {recipe.name} needs a metadata field that is not textual in the Items dataset")


def check_events(recipe: Recipe, config: Config) -> None:
    """An eventsConfig. Raises InvalidInputException."""
    listed = config.get("eventsConfig", {}).get("eventParametersList", [])
    if not listed:
        return
    if not recipe.weighs:
        raise invalid(f"Recipe {recipe.name} does not support eventsConfig")
    if any("eventType" not in entry for entry in listed):
        raise invalid("Every entry of eventParametersList needs an eventType")
    names = [entry["eventType"].lower() for entry in listed]
    if len(set(names)) < len(names):
        raise invalid("eventParametersList names an eventType twice")
    if not any(entry.get("weight", 1.0) for entry in listed):
        raise invalid("At least one weight of eventParametersList must be greater than 0")


def check_columns(config: Config, fields: Fields) -> None:
    """A trainingDataConfig: datasets and columns the group has; what is required cannot be left out.

    Raises InvalidInputException.
    """
    limits = config.get("trainingDataConfig", {})
    excluded, included = (limits.get(f"{which}DatasetColumns", {}) for which in ("excluded", "included"))
    for kind, columns in [*excluded.items(), *included.items()]:
        name = DATASET_TYPES.get(kind.upper())
        if name not in fields:
            raise invalid(f"trainingDataConfig names dataset type {kind}, which the dataset group does not have")
        known = {column.lower(): column for column in fields[name]}
        for column in columns:
            if column.lower() not in known:
                raise invalid(f"The {name} dataset has no column {column}; it has: {', '.join(fields[name])}")
    for kind, columns in excluded.items():
        required = {column.lower() for column in (*TYPES[DATASET_TYPES[kind.upper()]].required, "EVENT_TYPE")}
        for column in columns:
            if column.lower() in required:
                raise invalid(f"Column {column} is required for training and cannot be excluded")
    if {kind.upper() for kind in excluded} & {kind.upper() for kind in included}:
        raise invalid("A dataset can have columns in excludedDatasetColumns or in includedDatasetColumns, not in both")


def days_between(config: Config) -> int:
    """Days between automatic trainings. Raises InvalidInputException."""
    expression = config.get("autoTrainingConfig", {}).get("schedulingExpression", f"rate({DEFAULT_DAYS} days)")
    days = int(re.findall(r"\d+", expression)[0])
    if not 1 <= days <= MOST_DAYS:
        raise invalid(f"schedulingExpression must be between rate(1 day) and rate({MOST_DAYS} days), not {expression}")
    return days


def is_number(text: str) -> bool:
    """Whether a text is a number other than NaN."""
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _attribute(field: Field) -> bool:
    return not field.textual and not field.item_name and field.name not in ("ITEM_ID", "CREATION_TIMESTAMP")


def _check_given(recipe: Recipe, config: Config) -> None:
    known = recipe.settable
    for kind in ("algorithmHyperParameters", "featureTransformationParameters"):
        for name, text in config.get(kind, {}).items():
            if name not in known:
                raise invalid(f"{recipe.name} has no hyperparameter {name}; it has: {', '.join(known) or 'none'}")
            _check_value(name, known[name], text)


def _check_value(name: str, parameter: Parameter, text: str) -> None:
    if parameter.values:
        if text.lower() not in map(str.lower, parameter.values):
            raise invalid(f"Hyperparameter {name} must be {' or '.join(parameter.values)}, not {text}")
        return
    whole = parameter.kind == "integer"
    if not is_number(text) or not parameter.low <= float(text) <= parameter.high or (whole and not text.isdigit()):
        kind = "an integer" if whole else "a number"
        raise invalid(f"Hyperparameter {name} must be {kind} between {parameter.low} and {parameter.high}, not {text}")


def _check_hpo(recipe: Recipe, config: Config) -> None:
    if config.get("hpoObjective"):
        raise invalid("Amazon Personalize does not support configuring the hpoObjective")
    for name, text in config.get("hpoResourceConfig", {}).items():
        if not (text.isdigit() and 1 <= int(text) <= MOST_JOBS[name]):
            raise invalid(f"{name} must be an integer between 1 and {MOST_JOBS[name]}, not {text}")
    for listed, entries in config.get("algorithmHyperParameterRanges", {}).items():
        for entry in entries:
            _check_range(recipe, listed.removesuffix("HyperParameterRanges"), entry)


def _check_range(recipe: Recipe, kind: str, entry: Config) -> None:
    name = entry.get("name", "")
    parameter = recipe.tunable.get(name)
    if parameter is None:
        raise invalid(f"{recipe.name} cannot tune {name!r}; it can: {', '.join(recipe.tunable) or 'nothing'}")
    if parameter.kind != kind:
        raise invalid(f"Hyperparameter {name} belongs into {parameter.kind}HyperParameterRanges")
    if parameter.values:
        wrong = {value.lower() for value in entry.get("values", [])} - set(parameter.values)
        if wrong or not entry.get("values"):
            raise invalid(f"The values of {name} must be among {', '.join(parameter.values)}")
        return
    low, high = entry.get("minValue", parameter.low), entry.get("maxValue", parameter.high)
    if not parameter.low <= low <= high <= parameter.high:
        raise invalid(f"The range of {name} must lie within {parameter.low} and {parameter.high}, not {low} to {high}")


def _check_objective(recipe: Recipe, objective: Config, items: dict[str, Field]) -> None:
    if not objective:
        return
    if not recipe.objective:
        raise invalid(f"Recipe {recipe.name} does not support optimizationObjective")
    name = objective.get("itemAttribute")
    if name is None:
        raise invalid("optimizationObjective needs an itemAttribute")
    column = {each.lower(): field for each, field in items.items()}.get(name.lower())
    if column is None or not column.numeric or column.nullable:
        raise invalid(f"itemAttribute {name} must be a numeric column of the Items dataset that cannot be null")
