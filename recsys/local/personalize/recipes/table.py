"""The recipes as data: what each trains, needs, answers and allows."""

from dataclasses import dataclass, field

from recsys.local.personalize.recipes.parameters import (
    ACTION_FEATURES,
    COLDSTART_FEATURES,
    HRNN,
    HRNN_FEATURES,
    RECENCY,
    SEGMENT,
    SIMILAR,
    SIMS,
    SIMS_FEATURES,
    TRENDING_FEATURES,
    Parameters,
)

USER, RELATED, RANKING = "USER_PERSONALIZATION", "RELATED_ITEMS", "PERSONALIZED_RANKING"
POPULAR, SEGMENTS, ACTIONS = "POPULAR_ITEMS", "USER_SEGMENTATION", "PERSONALIZED_ACTIONS"
ECOMMERCE, VIDEO = "ECOMMERCE", "VIDEO_ON_DEMAND"


@dataclass(frozen=True)
class Recipe:
    """One recipe.

    engine          the model that is trained: next, similar, popularity, trending, semantic, segments or actions
    description     DescribeRecipe's
    parameters      the algorithm's hyperparameters
    features        the featurization's hyperparameters; a solution may set either kind in either map [AWS's pages tell
                    them apart, but not which map takes which]
    transformation  the feature transformation's name, where the developer guide gives one
    domain          of the domain dataset groups it is for; None: of custom ones
    datasets        dataset types that must be there beside Interactions
    content         learns from the metadata of items
    every_event     counts every event of a user, not every user once
    event           the event type it learns from, in any case, with the minimum of events; None: every type
    hides           the event type whose items the user is not shown again, in any case
    needs           the members a GetRecommendations request must have
    scored          answers carry scores, which no domain's do
    explores        answers mix in new items
    metadata        items' metadata in answers without opting in
    weighs          takes an eventsConfig
    objective       takes an optimizationObjective
    updates         takes trainingMode UPDATE
    transformer     has a transformer beside the linear model, where torch is installed and that helps
    version_2       manages exploration itself, gives reasons, fills up what a filter leaves too short
    """

    name: str
    type: str
    engine: str
    description: str
    parameters: Parameters = field(default_factory=dict)
    features: Parameters = field(default_factory=dict)
    transformation: str | None = None
    domain: str | None = None
    datasets: tuple[str, ...] = ()
    content: bool = False
    every_event: bool = False
    event: str | None = None
    hides: str | None = None
    needs: tuple[str, ...] = ("userId",)
    scored: bool = False
    explores: bool = False
    metadata: bool = False
    weighs: bool = False
    objective: bool = False
    updates: bool = False
    transformer: bool = False
    version_2: bool = False

    @property
    def arn(self) -> str:
        return f"arn:aws:personalize:::recipe/{self.name}"

    @property
    def algorithm(self) -> str:
        """The name of its algorithm: its own, but for one recipe."""
        return "aws-trending-now-custom" if self.name == "aws-trending-now" else self.name

    @property
    def settable(self) -> Parameters:
        """The hyperparameters that a solution may set."""
        both = self.parameters | self.features
        return {name: parameter for name, parameter in both.items() if parameter.given}

    @property
    def tunable(self) -> Parameters:
        """The hyperparameters that HPO may vary."""
        return {name: parameter for name, parameter in self.parameters.items() if parameter.tunable}


def _legacy(name: str, successor: str, **more: object) -> Recipe:
    text = f"Legacy: AWS no longer offers this recipe. It is trained as {successor}, which new solutions should use."
    settings = {"parameters": HRNN, "features": HRNN_FEATURES, "scored": True, **more}
    return Recipe(name, USER, "next", text, **settings)


_PERCENTILES = {"features": HRNN_FEATURES, "transformation": "JSON-percentile-filtering"}
_V1 = {**_PERCENTILES, "scored": True, "parameters": HRNN, "content": True, "objective": True}
_V2 = {"scored": True, "parameters": RECENCY, "content": True, "metadata": True, "weighs": True, "transformer": True}
_RELATED = {"type": RELATED, "engine": "similar", "needs": ("itemId",)}
_RELATED_FOR_USER = {**_RELATED, "needs": ("userId", "itemId")}

_CUSTOM = (
    _legacy("aws-hrnn", "aws-user-personalization", transformation="JSON-percentile-filtering"),
    _legacy("aws-hrnn-metadata", "aws-user-personalization", transformation="featurize_metadata", content=True),
    _legacy(
        "aws-hrnn-coldstart",
        "aws-user-personalization",
        transformation="featurize_coldstart",
        features=COLDSTART_FEATURES,
        content=True,
        updates=True,
        explores=True,
    ),
    Recipe(
        "aws-item-affinity",
        SEGMENTS,
        "segments",
        "Segments of users for each of the items you name, by their interest in it.",
        SEGMENT,
        transformation="item-affinity",
        needs=(),
    ),
    Recipe(
        "aws-item-attribute-affinity",
        SEGMENTS,
        "segments",
        "Segments of users for each of the item attributes you name, by their interest in such items.",
        SEGMENT,
        transformation="item-attribute-affinity",
        datasets=("ITEMS",),
        needs=(),
    ),
    Recipe(
        "aws-next-best-action",
        ACTIONS,
        "actions",
        "The actions a user will most likely take next.",
        features=ACTION_FEATURES,
        datasets=("ACTIONS",),
        explores=True,
        scored=True,
    ),
    Recipe(
        "aws-personalized-ranking",
        RANKING,
        "next",
        "Reranks a list of items for a user.",
        **_V1,
    ),
    Recipe(
        "aws-personalized-ranking-v2",
        RANKING,
        "next",
        "Reranks a list of items for a user, with metadata and weights of event types.",
        **_V2,
    ),
    Recipe(
        "aws-popularity-count",
        USER,
        "popularity",
        "The items that most users have interacted with, the same for everybody.",
        transformation="sims",
    ),
    Recipe(
        "aws-semantic-similarity",
        description="Items whose text means the same as a given item's.",
        datasets=("ITEMS",),
        **{**_RELATED, "engine": "semantic"},
    ),
    Recipe(
        "aws-similar-items",
        description="Items similar to a given item, by who interacted with both and by their metadata.",
        parameters=SIMILAR,
        content=True,
        **_RELATED,
    ),
    Recipe(
        "aws-sims",
        description="Items similar to a given item, by who interacted with both.",
        parameters=SIMS,
        features=SIMS_FEATURES,
        transformation="sims",
        **_RELATED,
    ),
    Recipe(
        "aws-trending-now",
        POPULAR,
        "trending",
        "Items whose popularity rises fastest.",
        features=TRENDING_FEATURES,
        needs=(),
    ),
    Recipe(
        "aws-user-personalization",
        USER,
        "next",
        "Items a user will most likely interact with next, with exploration of new ones.",
        explores=True,
        updates=True,
        **_V1,
    ),
    Recipe(
        "aws-user-personalization-v2",
        USER,
        "next",
        "Items a user will most likely interact with next, with exploration, metadata and weights of event types.",
        explores=True,
        version_2=True,
        **_V2,
    ),
)

# From the developer guide's pages "ECOMMERCE use cases" and "VIDEO_ON_DEMAND use cases".
_DOMAIN = (
    Recipe(
        "aws-ecomm-customers-who-viewed-x-also-viewed",
        description="Items that customers also viewed who viewed a given item.",
        domain=ECOMMERCE,
        event="View",
        hides="Purchase",
        **_RELATED_FOR_USER,
    ),
    Recipe(
        "aws-ecomm-frequently-bought-together",
        description="Items that customers bought together with a given item.",
        domain=ECOMMERCE,
        event="Purchase",
        **_RELATED,
    ),
    Recipe(
        "aws-ecomm-popular-items-by-purchases",
        POPULAR,
        "popularity",
        "The items that customers bought most.",
        domain=ECOMMERCE,
        event="Purchase",
        every_event=True,
    ),
    Recipe(
        "aws-ecomm-popular-items-by-views",
        POPULAR,
        "popularity",
        "The items that customers viewed most.",
        domain=ECOMMERCE,
        event="View",
        every_event=True,
    ),
    Recipe(
        "aws-ecomm-recommended-for-you",
        USER,
        "next",
        "Items for a user, without those the user bought.",
        domain=ECOMMERCE,
        hides="Purchase",
        content=True,
        explores=True,
    ),
    Recipe(
        "aws-vod-because-you-watched-x",
        description="Videos that others watched who watched a given one.",
        domain=VIDEO,
        event="Watch",
        hides="Watch",
        **_RELATED_FOR_USER,
    ),
    Recipe(
        "aws-vod-more-like-x",
        description="Videos similar to a given one.",
        domain=VIDEO,
        datasets=("ITEMS",),
        content=True,
        hides="Watch",
        **_RELATED_FOR_USER,
    ),
    Recipe(
        "aws-vod-most-popular",
        POPULAR,
        "popularity",
        "The videos that most users watched.",
        domain=VIDEO,
        event="Watch",
    ),
    Recipe(
        "aws-vod-top-picks",
        USER,
        "next",
        "Videos for a user, without those the user watched.",
        domain=VIDEO,
        hides="Watch",
        content=True,
        explores=True,
    ),
    Recipe(
        "aws-vod-trending-now",
        POPULAR,
        "trending",
        "Videos whose popularity rises fastest.",
        domain=VIDEO,
        needs=(),
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*_CUSTOM, *_DOMAIN)}
