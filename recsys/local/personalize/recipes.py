"""The recipes as data: ListRecipes, DescribeRecipe, DescribeAlgorithm, and which model answers for which recipe.

`model` is None where this engine does not train the recipe yet: it is listed, and CreateSolution says so.
"""

from dataclasses import dataclass

from recsys.local.personalize.errors import ServiceError, not_found

EPOCH = 1560124800.0  # 2019-06-10, the day the service became generally available

USER, RELATED, RANKING = "USER_PERSONALIZATION", "RELATED_ITEMS", "PERSONALIZED_RANKING"
POPULAR, SEGMENTS, ACTIONS = "POPULAR_ITEMS", "USER_SEGMENTATION", "PERSONALIZED_ACTIONS"

HRNN = {
    "hidden_dimension": ("149", 32, 256, True),
    "bptt": ("32", 2, 32, True),
    "recency_mask": ("true", None, None, True),
    "min_user_history_length_percentile": ("0.0", 0.0, 1.0, False),
    "max_user_history_length_percentile": ("0.99", 0.0, 1.0, False),
}
SIMS = {
    "popularity_discount_factor": ("0.5", 0.0, 1.0, True),
    "min_cointeraction_count": ("3", 0, 10, True),
    "min_user_history_length_percentile": ("0.005", 0.0, 1.0, False),
    "max_user_history_length_percentile": ("0.995", 0.0, 1.0, False),
    "min_item_interaction_count_percentile": ("0.01", 0.0, 1.0, False),
    "max_item_interaction_count_percentile": ("0.9", 0.0, 1.0, False),
}
RECENCY = {"apply_recency_bias": ("true", None, None, False)}
SEGMENT = {"hidden_dimension": ("149", 32, 256, True)}


@dataclass(frozen=True)
class Recipe:
    """One recipe; hyperparameters are name -> (default, lowest, highest, tunable)."""

    name: str
    type: str
    model: str | None = None
    hyperparameters: dict[str, tuple[str, float | None, float | None, bool]] | None = None
    domain: str | None = None
    scored: bool = False  # answers carry scores
    reacts: bool = False  # a user's new events change the answer
    metadata: bool = False  # items' metadata in answers without opting in

    @property
    def arn(self) -> str:
        return f"arn:aws:personalize:::recipe/{self.name}"

    @property
    def algorithm_arn(self) -> str:
        return f"arn:aws:personalize:::algorithm/{self.name}"

    def describe(self) -> dict[str, object]:
        """The Recipe document of DescribeRecipe."""
        document = {
            "name": self.name,
            "recipeArn": self.arn,
            "algorithmArn": self.algorithm_arn,
            "featureTransformationArn": "arn:aws:personalize:::feature-transformation/JSON-percentile-filtering",
            "status": "ACTIVE",
            "recipeType": self.type,
            "domain": self.domain,
            "creationDateTime": EPOCH,
            "lastUpdatedDateTime": EPOCH,
        }
        return {name: value for name, value in document.items() if value is not None}


_NEXT = {"model": "next", "scored": True, "reacts": True}
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("aws-hrnn", USER, hyperparameters=HRNN, **_NEXT),
        Recipe("aws-hrnn-coldstart", USER),
        Recipe("aws-hrnn-metadata", USER),
        Recipe("aws-item-affinity", SEGMENTS, hyperparameters=SEGMENT),
        Recipe("aws-item-attribute-affinity", SEGMENTS, hyperparameters=SEGMENT),
        Recipe("aws-next-best-action", ACTIONS),
        Recipe("aws-personalized-ranking", RANKING, hyperparameters=HRNN, **_NEXT),
        Recipe("aws-personalized-ranking-v2", RANKING, hyperparameters=RECENCY, metadata=True, **_NEXT),
        Recipe("aws-popularity-count", USER, model="popularity"),
        Recipe("aws-semantic-similarity", RELATED),
        Recipe("aws-similar-items", RELATED, model="similar"),
        Recipe("aws-sims", RELATED, model="similar", hyperparameters=SIMS),
        Recipe("aws-trending-now", POPULAR),
        Recipe("aws-user-personalization", USER, hyperparameters=HRNN, **_NEXT),
        Recipe("aws-user-personalization-v2", USER, hyperparameters=RECENCY, metadata=True, **_NEXT),
        Recipe("aws-ecomm-customers-who-viewed-x-also-viewed", RELATED, domain="ECOMMERCE"),
        Recipe("aws-ecomm-frequently-bought-together", RELATED, domain="ECOMMERCE"),
        Recipe("aws-ecomm-popular-items-by-purchases", POPULAR, domain="ECOMMERCE"),
        Recipe("aws-ecomm-popular-items-by-views", POPULAR, domain="ECOMMERCE"),
        Recipe("aws-ecomm-recommended-for-you", USER, domain="ECOMMERCE"),
        Recipe("aws-vod-because-you-watched-x", RELATED, domain="VIDEO_ON_DEMAND"),
        Recipe("aws-vod-more-like-x", RELATED, domain="VIDEO_ON_DEMAND"),
        Recipe("aws-vod-most-popular", POPULAR, domain="VIDEO_ON_DEMAND"),
        Recipe("aws-vod-top-picks", USER, domain="VIDEO_ON_DEMAND"),
        Recipe("aws-vod-trending-now", POPULAR, domain="VIDEO_ON_DEMAND"),
    )
}


def by_arn(arn: str) -> Recipe:
    """Raises ResourceNotFoundException."""
    recipe = RECIPES.get(arn.rpartition("recipe/")[2])
    if recipe is None or recipe.arn != arn:
        raise not_found(f"Recipe {arn} does not exist")
    return recipe


def trainable(arn: str) -> Recipe:
    """The recipe, if this engine trains it. Raises NotImplementedException (501) where it does not."""
    recipe = by_arn(arn)
    if recipe.model is None:
        known = ", ".join(name for name, other in RECIPES.items() if other.model)
        message = f"Recipe {recipe.name} is not trained by the embedded Personalize yet; those that are: {known}"
        raise ServiceError("NotImplementedException", message, 501)
    return recipe


def algorithm(arn: str) -> dict[str, object]:
    """The Algorithm document of DescribeAlgorithm. Raises ResourceNotFoundException."""
    recipe = next((recipe for recipe in RECIPES.values() if recipe.algorithm_arn == arn), None)
    if recipe is None:
        raise not_found(f"Algorithm {arn} does not exist")
    parameters = recipe.hyperparameters or {}
    return {
        "name": recipe.name,
        "algorithmArn": arn,
        "defaultHyperParameters": {name: default for name, (default, *_) in parameters.items()},
        "defaultHyperParameterRanges": _ranges(parameters),
        "trainingInputMode": "File",
        "creationDateTime": EPOCH,
        "lastUpdatedDateTime": EPOCH,
    }


def _ranges(parameters: dict[str, tuple[str, float | None, float | None, bool]]) -> dict[str, list[dict[str, object]]]:
    ranges: dict[str, list[dict[str, object]]] = {
        "integerHyperParameterRanges": [],
        "continuousHyperParameterRanges": [],
        "categoricalHyperParameterRanges": [],
    }
    for name, (_, low, high, tunable) in parameters.items():
        if low is None:
            entry = {"name": name, "values": ["true", "false"], "isTunable": tunable}
            ranges["categoricalHyperParameterRanges"].append(entry)
            continue
        kind = "integer" if isinstance(low, int) else "continuous"
        entry = {"name": name, "minValue": low, "maxValue": high, "isTunable": tunable}
        ranges[f"{kind}HyperParameterRanges"].append(entry)
    return ranges
