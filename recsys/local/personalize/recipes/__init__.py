"""The recipes: a table of what each trains, needs and answers, and the documents that describe them.

table.py       one row per recipe
parameters.py  hyperparameters, their defaults and ranges
documents.py   DescribeRecipe, DescribeAlgorithm, DescribeFeatureTransformation
"""

from recsys.local.personalize.errors import invalid, not_found
from recsys.local.personalize.recipes.parameters import Parameter, Parameters
from recsys.local.personalize.recipes.table import (
    ACTIONS,
    POPULAR,
    RANKING,
    RECIPES,
    RELATED,
    SEGMENTS,
    USER,
    Recipe,
)


def by_arn(arn: str) -> Recipe:
    """Raises ResourceNotFoundException."""
    recipe = RECIPES.get(arn.rpartition("recipe/")[2])
    if recipe is None or recipe.arn != arn:
        raise not_found(f"Recipe {arn} does not exist")
    return recipe


def custom(arn: str) -> Recipe:
    """A recipe for CreateSolution. Raises InvalidInputException for one of a domain."""
    recipe = by_arn(arn)
    if recipe.domain:
        raise invalid(
            f"Recipe {arn} is a use case of domain {recipe.domain}: use CreateRecommender, not CreateSolution"
        )
    return recipe


def of_domain(arn: str, domain: str | None) -> Recipe:
    """A recipe for CreateRecommender in a group of `domain`. Raises InvalidInputException for any other."""
    recipe = by_arn(arn)
    if recipe.domain is None:
        raise invalid(f"Recipe {arn} is not a use case of a domain: use CreateSolution, not CreateRecommender")
    if recipe.domain != domain:
        raise invalid(f"Recipe {arn} is for domain {recipe.domain}; the dataset group is of {domain or 'no domain'}")
    return recipe


__all__ = [
    "ACTIONS",
    "POPULAR",
    "RANKING",
    "RECIPES",
    "RELATED",
    "SEGMENTS",
    "USER",
    "Parameter",
    "Parameters",
    "Recipe",
    "by_arn",
    "custom",
    "of_domain",
]
