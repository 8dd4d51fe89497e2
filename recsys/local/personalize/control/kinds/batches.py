"""Batch inference and batch segment jobs: a solution version answers the lines of files in S3."""

from functools import partial
from typing import TYPE_CHECKING

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.campaigns import check_exploration, check_influence
from recsys.local.personalize.control.kinds.datasets import dataset_schema, group_data, group_datasets, group_fields
from recsys.local.personalize.control.kinds.imports import check_location, forget_job, job_spec
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion
from recsys.local.personalize.errors import invalid
from recsys.local.personalize.filters import check_filter, check_use
from recsys.local.personalize.schemas import fields
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

RESULTS, MOST_ITEMS, MOST_USERS = 25, 500, 5_000_000
THEMES, THEMED_RECIPE = "THEME_GENERATION", "aws-similar-items"
WITHOUT_BATCH = ("trending", "actions")
LEARNT_FROM = ("recipeArn", "eventType", "solutionConfig")


def _inference(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (version,) = parents
    recipe = recipes.by_arn(version.document["recipeArn"])
    if recipe.engine in WITHOUT_BATCH:
        raise invalid(f"You can't get batch recommendations with recipe {recipe.name}.")
    if recipe.type == recipes.SEGMENTS:
        raise invalid(f"{version.arn} makes user segments: use CreateBatchSegmentJob")
    config = document.get("batchInferenceJobConfig", {})
    check_exploration(config.get("itemExplorationConfig", {}))
    check_influence(config.get("rankingInfluence", {}), recipe)
    if document.setdefault("batchInferenceJobMode", "BATCH_INFERENCE") == THEMES:
        _check_themes(control, document, version, recipe)
    _prepare(control, document, version, MOST_ITEMS)
    _check_filter(control, document, "ItemID", current_item=recipe.type == recipes.RELATED)
    return {}


def _segment(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (version,) = parents
    recipe = recipes.by_arn(version.document["recipeArn"])
    if recipe.type != recipes.SEGMENTS:
        raise invalid(f"{version.arn} makes no user segments: its recipe is {recipe.name}; use CreateBatchInferenceJob")
    _prepare(control, document, version, MOST_USERS)
    _check_filter(control, document, "UserID", interactions=recipe.name == "aws-item-affinity")
    return {}


def _prepare(control: "Control", document: Document, version: Resource, most: int) -> None:
    """What both kinds check and fill in."""
    count = document.setdefault("numResults", RESULTS)
    if not 0 < count <= most:
        raise invalid(f"numResults must be from 1 to {most}, not {count}")
    path = document["jobInput"]["s3DataSource"]["path"]
    output = document["jobOutput"]["s3DataDestination"]["path"]
    check_location(path, "Invalid S3 input path")
    check_location(output, "Invalid S3 output path")
    if path.rstrip("/") == output.rstrip("/"):
        raise invalid("Invalid S3 output path. It must be another place than the input.")
    document.update(
        solutionVersionArn=version.arn,
        _solutionArn=version.document["solutionArn"],
        _datasetGroupArn=version.document["datasetGroupArn"],
    )


def _check_filter(control: "Control", document: Document, target: str, **use: bool) -> None:
    if "filterArn" not in document:
        return
    chosen, group = control.parent(document["filterArn"], "Filter"), document["_datasetGroupArn"]
    if chosen.document["datasetGroupArn"] != group:
        raise invalid(f"Filter {chosen.arn} belongs to another dataset group than the solution version")
    clauses = check_filter(chosen.document["filterExpression"], group_fields(control, group))
    check_use(clauses, target, **use)
    document["_filter"] = chosen.document["filterExpression"]  # the filter may be deleted while the job waits


def _check_themes(control: "Control", document: Document, version: Resource, recipe: recipes.Recipe) -> None:
    """Themes are for similar items whose names and descriptions are known."""
    if recipe.name != THEMED_RECIPE:
        raise invalid(f"Themes can be generated with recipe {THEMED_RECIPE} only, not with {recipe.name}")
    named = document.get("themeGenerationConfig", {}).get("fieldsForThemeGeneration", {}).get("itemName")
    if named is None:
        raise invalid(f"batchInferenceJobMode {THEMES} needs a themeGenerationConfig")
    items = group_datasets(control, version.document["datasetGroupArn"]).get("ITEMS")
    columns = fields(dataset_schema(control, items)) if items else {}
    field = next((field for name, field in columns.items() if name.lower() == named.lower()), None)
    if field is None or field.type != "string":
        raise invalid(f"The Items dataset has no column {named} of type string")
    if not any(column.textual for column in columns.values()):
        raise invalid("To generate themes the Items dataset must have a textual field")


def _work(task: str, control: "Control", job: Resource) -> None:
    document = job.document
    version = control.resource(document["solutionVersionArn"], "SolutionVersion").document
    spec = {
        "version": document["solutionVersionArn"],
        "folder": version["_folder"],
        "solution": {name: version[name] for name in LEARNT_FROM if name in version},
        "filter": document.get("_filter"),
        "numResults": document["numResults"],
        "config": document.get("batchInferenceJobConfig", {}),
        "itemName": document.get("themeGenerationConfig", {}).get("fieldsForThemeGeneration", {}).get("itemName"),
        "themes": document.get("batchInferenceJobMode") == THEMES,
        "input": document["jobInput"]["s3DataSource"]["path"],
        "output": document["jobOutput"]["s3DataDestination"]["path"],
        **group_data(control, document["_datasetGroupArn"]),
        **job_spec(control, job),
    }
    control.run_job(job.arn, task, spec)


def _rule(task: str, prepare: object) -> Rule:
    return Rule(prepare=prepare, waits=after_deletion, work=partial(_work, task), erased=forget_job)


RULES = {"BatchInferenceJob": _rule("infer", _inference), "BatchSegmentJob": _rule("segment", _segment)}
