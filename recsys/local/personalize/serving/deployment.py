"""A deployment: what answers for one campaign or recommender, in memory.

Both are the same thing: the artefacts a training left in a folder, the recipe, what the solution learns from, the
group's data as it is at this moment, and a configuration. An ARN and a control plane are not needed to make one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recsys.local.personalize.filters import Clause, Scene, admits_unknown, allowed, check_use
from recsys.local.personalize.recipes import RELATED, Recipe
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.catalogue import Catalogue
from recsys.local.personalize.serving.engines import ENGINES, Parts
from recsys.local.personalize.serving.exploration import Exploration, Novelty
from recsys.local.personalize.serving.group import Group
from recsys.local.personalize.serving.histories import Histories

DAY = 86400.0


@dataclass(frozen=True)
class Config:
    """A campaignConfig or a recommenderConfig, as far as answers depend on it.

    metadata: answers may carry item metadata. influence: rankingInfluence. training: the trainingDataConfig.
    """

    exploration: Exploration = field(default_factory=Exploration)
    metadata: bool = False
    influence: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any], recipe: Recipe, training: Mapping[str, Any] | None = None) -> "Config":
        """From a resource's configuration; `training`: the trainingDataConfig of what was trained."""
        given = config.get("itemExplorationConfig", {})
        return cls(
            exploration=Exploration(
                weight=float(given.get("explorationWeight", 0.3)) if recipe.explores else 0.0,
                cut_off=float(given.get("explorationItemAgeCutOff", 30.0)),
                managed=recipe.explores and recipe.version_2,
            ),
            metadata=config.get("enableMetadataWithRecommendations", False) or recipe.metadata,
            influence=config.get("rankingInfluence", {}),
            training=training or {},
        )


@dataclass(frozen=True)
class Artefacts:
    """What a training left in its folder; popular, content, returning: None where it left none."""

    folder: Path
    model: Any
    popular: Any
    content: Any
    returning: Any = None

    @classmethod
    def read(cls, folder: Path) -> "Artefacts":
        """Raises ModelError."""
        from recsys.models import load  # slow to import: the loading thread pays, not the start

        others = {name: folder / name for name in ("popular", "content", "returning")}
        return cls(folder, load(folder / "model"), **{n: load(p) if p.exists() else None for n, p in others.items()})

    def warm(self) -> None:
        """Have the compiled loops and the text encoder read, which takes seconds, before an answer needs them."""
        from recsys.models import Model

        if isinstance(self.model, Model):
            self.model.scores([0])
        if self.content is not None and self.content.metadata.texts:
            self.content.metadata.embed(["warm"])


class Deployment:
    """What answers for one campaign or recommender; everything is called on the thread that answers."""

    def __init__(
        self, artefacts: Artefacts, recipe: Recipe, selection: Selection, group: Group, config: Config, day: float = DAY
    ) -> None:
        """day: real seconds of a day of what happens on its own."""
        self.artefacts, self.recipe, self.selection = artefacts, recipe, selection
        self.group, self.config, self._day = group, config, day
        model, engine = artefacts.model, ENGINES[recipe.engine]
        self.catalogue = Catalogue(group, model.item_ids, artefacts.content, engine.grows)
        code_of, known = self.catalogue.code_of, self.catalogue.known
        live = group.live
        self.histories = Histories(group.interactions, live.histories, code_of, known, selection, live.heard)
        self.novelty = Novelty(group, self.catalogue)
        self.engine = engine(
            Parts(
                model=model,
                returning=artefacts.returning,
                popularity=_popularity(artefacts.popular, self.catalogue),
                group=group,
                catalogue=self.catalogue,
                histories=self.histories,
                selection=selection,
                training=config.training,
                influence=config.influence,
                day=day,
            )
        )

    def on(self, group: Group) -> "Deployment":
        """The same over a group's data read anew."""
        return Deployment(self.artefacts, self.recipe, self.selection, group, self.config, self._day)

    def refresh(self) -> None:
        """Take in what was put since the last answer."""
        self.novelty.refresh()

    def mask(
        self, clauses: tuple[Clause, ...], values: Mapping[str, str], user: str | None, item: str | None
    ) -> np.ndarray:
        """(n,) what a filter lets through for this request. Raises InvalidInputException."""
        check_use(clauses, "ItemID", current_item=self.recipe.type == RELATED, current_user=user is not None)
        return allowed(clauses, values, self.catalogue.candidates, self._scene(user, item))

    def admits_unknown(self, clauses: tuple[Clause, ...], values: Mapping[str, str], user: str | None) -> bool:
        """Whether a filter lets through items that no dataset has."""
        return admits_unknown(clauses, values, self.catalogue.candidates, self._scene(user))

    def _scene(self, user: str | None, item: str | None = None) -> Scene:
        return Scene(self.group.users, user, item, lambda: self.histories.by_type(user or ""))

    def hidden(self, user: str | None) -> np.ndarray:
        """Codes of the items the recipe does not show the user again: those bought or watched."""
        if self.recipe.hides is None or user is None:
            return np.empty(0, np.int64)
        return self.histories.by_type(user).get(self.recipe.hides.lower(), np.empty(0, np.int64))


def _popularity(popular: Any, catalogue: Catalogue) -> np.ndarray:
    """(known,) float32 users of each of the model's items; the two models may have been fitted on different items."""
    counts = popular.scores(np.empty(0, np.int32))
    if list(popular.item_ids) == catalogue.ids[: catalogue.known]:
        return np.array(counts, np.float32)
    users = dict(zip(map(str, popular.item_ids), counts.tolist(), strict=True))
    return np.array([users.get(item, 0.0) for item in catalogue.ids[: catalogue.known]], np.float32)
