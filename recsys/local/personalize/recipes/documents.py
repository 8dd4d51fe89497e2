"""Recipes, algorithms and feature transformations as the Describe operations show them."""

from typing import Any

from recsys.local.personalize.errors import not_found
from recsys.local.personalize.recipes.parameters import Parameters
from recsys.local.personalize.recipes.table import RECIPES, Recipe

ARN = "arn:aws:personalize:::"
EPOCH = 1560124800.0  # 2019-06-10, the day the service became generally available
DATES = {"creationDateTime": EPOCH, "lastUpdatedDateTime": EPOCH}


def recipe(row: Recipe) -> dict[str, Any]:
    """The Recipe document of DescribeRecipe. The guide names no feature transformation for the newer recipes."""
    transformation = f"{ARN}feature-transformation/{row.transformation}" if row.transformation else None
    document = {
        "name": row.name,
        "recipeArn": row.arn,
        "algorithmArn": f"{ARN}algorithm/{row.algorithm}",
        "featureTransformationArn": transformation,
        "status": "ACTIVE",
        "description": row.description,
        "recipeType": row.type,
        "domain": row.domain,
        **DATES,
    }
    return {name: value for name, value in document.items() if value is not None}


def algorithm(arn: str) -> dict[str, Any]:
    """The Algorithm document of DescribeAlgorithm. Raises ResourceNotFoundException."""
    row = next((row for row in RECIPES.values() if f"{ARN}algorithm/{row.algorithm}" == arn), None)
    if row is None:
        raise not_found(f"Algorithm {arn} does not exist")
    return {
        "name": row.algorithm,
        "algorithmArn": arn,
        "defaultHyperParameters": _defaults(row.parameters),
        "defaultHyperParameterRanges": _ranges(row.parameters),
        "trainingInputMode": "File",
        **DATES,
    }


def feature_transformation(arn: str) -> dict[str, Any]:
    """The document of DescribeFeatureTransformation. Raises ResourceNotFoundException."""
    name = arn.removeprefix(f"{ARN}feature-transformation/")
    known = [row.features for row in RECIPES.values() if row.transformation == name]
    if not known:
        raise not_found(f"Feature transformation {arn} does not exist")
    shown = {"name": name, "featureTransformationArn": arn, "defaultParameters": _defaults(max(known, key=len))}
    return {**shown, "status": "ACTIVE", **DATES}


def _defaults(parameters: Parameters) -> dict[str, str]:
    return {name: parameter.default for name, parameter in parameters.items()}


def _ranges(parameters: Parameters) -> dict[str, list[dict[str, Any]]]:
    ranges: dict[str, list[dict[str, Any]]] = {
        f"{kind}HyperParameterRanges": [] for kind in ("integer", "continuous", "categorical")
    }
    for name, parameter in parameters.items():
        limits = {"minValue": parameter.low, "maxValue": parameter.high}
        entry = {"values": list(parameter.values)} if parameter.values else limits
        ranges[f"{parameter.kind}HyperParameterRanges"].append({"name": name, **entry, "isTunable": parameter.tunable})
    return ranges
