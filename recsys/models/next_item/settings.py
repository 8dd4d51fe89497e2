"""What the next-item model may choose, and the order in which it looks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from recsys.errors import ModelError

Climbs = tuple[tuple[str, tuple], ...]  # settings, each with its grid

ALIKE = (1.0,)  # of a history whose events are all to count the same
DECAYS = ((0.0, 0.7), (0.1, 0.8), (0.3, 0.9), (0.5, 0.95), (0.7, 0.98), ALIKE)
HORIZONS = (1, 2, 5, 10, 20, 50)
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
OWN_WEIGHTS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
DISCOUNTS = (0.0, 0.1, 0.2, 0.3, 0.4)
POPULARITY_WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
TRENDS = (0.0, 0.25, 0.5, 0.75, 1.0)

# In this order: what moves the result most comes first, and what the others change comes twice.
REGRESSION_CLIMBS: Climbs = (
    ("seen", (True, False)),
    ("own_weight", OWN_WEIGHTS),
    ("horizon", HORIZONS),
    ("penalty", PENALTIES),
    ("reverse", (0.0, 0.5, 1.0)),
    ("decays", DECAYS),
    ("penalty", PENALTIES),
)
BESIDE_CLIMBS: Climbs = (
    ("own_weight", OWN_WEIGHTS),
    ("own_decay", (0.0, 0.25, 0.5, 1.0)),
    ("own_weight", OWN_WEIGHTS),
    ("popularity_weight", POPULARITY_WEIGHTS),
)
CLIMBS: Climbs = (*REGRESSION_CLIMBS, *BESIDE_CLIMBS)
# Of a catalogue too large to be solved, where one mean of the time scales has to do: which they are moves it most.
LARGE_CLIMBS: Climbs = (
    ("seen", (True, False)),
    ("own_weight", OWN_WEIGHTS),
    ("decays", DECAYS),
    ("penalty", PENALTIES),
    ("discount", DISCOUNTS),
    ("horizon", HORIZONS),
    ("own_weight", OWN_WEIGHTS),
    ("own_decay", (0.0, 0.25, 0.5, 1.0)),
    ("reverse", (0.0, 0.5, 1.0)),
    ("penalty", PENALTIES),
    ("discount", DISCOUNTS),
    ("popularity_weight", POPULARITY_WEIGHTS),
)
# Where what is wanted lies weeks ahead: stock and fashions change meanwhile.
LATER_CLIMBS: Climbs = (
    ("own_weight", OWN_WEIGHTS),
    ("trend", TRENDS),
)
# Once something is trained beside the regression, which is with the settings found so far.
HABIT_CLIMBS: Climbs = (
    ("own_weight", OWN_WEIGHTS),
    ("popularity_weight", POPULARITY_WEIGHTS),
)
# Of what stands beside it: all are tried, as a climb from 0 would stop at the first that chance speaks against.
POOL_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0, 2.0, 5.0)
TWIN_CLIMBS: Climbs = (("twin_weight", POOL_WEIGHTS),)
NEIGHBOUR_CLIMBS: Climbs = (("neighbour_weight", POOL_WEIGHTS),)
PENALTY_CLIMBS: Climbs = (("penalty", PENALTIES),)  # beside neighbours, who know what is rare, more of it is right
# Tried on their whole grid, as a trial costs no regression; of popularity, chance finds some weight with few users.
LIGHT = {"own_weight", "own_decay", "twin_weight", "neighbour_weight"}
BESIDE = LIGHT | {"popularity_weight", "trend"}  # what the regression does not depend on


@dataclass(frozen=True)
class Settings:
    """One choice of everything that is learned from held-out users rather than from the regression.

    length: newest events of a history that count. decays: one for each time scale; on it an item `age` events back
    weighs decay ^ (age - 1). horizon: how many following events are the target, alike; baskets want several. penalty:
    the ridge's lambda. reverse: weight of the same sequences read backwards. seen: whether items of the history are
    recommended again. twin_weight, neighbour_weight: weights of the softmax twin and of the nearest neighbours beside
    the regression, by the exponents of their probabilities; 0 for none. own_weight: weight of the user's own item
    frequencies, 0 where people do not come back to what they had; own_decay: how fast those forget. popularity_weight:
    weight of popularity, divided by 1 + the length of the history. rank: of the regression's coefficients, 0 for no
    limit, which is best where there is no reason for less (MovieLens-1M on one time scale: NDCG .133, .163, .181 at
    rank 64, 256 and without). discount: the power of popularity that an item's scores are divided by in a catalogue too
    large to be solved. trend: the power of how much more than usual an item is wanted now, by which its score is
    multiplied. transformer_weight: weight of a transformer's logits, 0 where one was tried and did not help, None where
    none was.
    """

    length: int = 200
    decays: tuple[float, ...] = (0.3, 0.9)
    horizon: int = 1
    penalty: float = 300.0
    reverse: float = 0.0
    seen: bool = True
    twin_weight: float = 0.0
    neighbour_weight: float = 0.0
    own_weight: float = 0.0
    own_decay: float = 0.0
    popularity_weight: float = 0.0
    rank: int = 0
    discount: float = 0.1
    trend: float = 0.0
    transformer_weight: float | None = None

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        values = asdict(self) | {"decays": list(self.decays)}
        if self.transformer_weight is None:
            del values["transformer_weight"]
        return values

    @classmethod
    def given(cls, settings: "Settings | Mapping[str, Any] | None") -> "Settings | None":
        """Settings as they are, or those of a mapping and the defaults of others.

        Raises ModelError for anything else, and for a name or a value that cannot be.
        """
        if settings is None or isinstance(settings, Settings):
            return settings
        if not isinstance(settings, Mapping):
            raise ModelError(f"{settings!r} are no settings: give values by name, as a model's `settings`")
        known = [field.name for field in fields(cls)]
        if odd := sorted(set(settings) - set(known)):
            raise ModelError(f"{', '.join(odd)}: no such settings; there are {', '.join(known)}")
        try:
            found = cls.from_dict(settings)
            possible = found.penalty > 0 and found.horizon >= 1 and all(0 <= decay <= 1 for decay in found.decays)
        except TypeError:
            possible = False
        if not possible:
            raise ModelError(f"{dict(settings)}: give a penalty above 0, a horizon of 1 or more, decays from 0 to 1")
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        return cls(**known | {"decays": tuple(known.get("decays", cls.decays))})


LATER = Settings(decays=(0.7, 0.98), horizon=20, penalty=1000.0)  # where the search for what lies weeks ahead begins


def grid_step(name: str, grid: tuple, settings: Settings, step: int) -> Settings | None:
    """The settings with `name` moved `step` places along its grid; None past its end."""
    at = grid.index(getattr(settings, name)) + step
    return settings.with_(**{name: grid[at]}) if 0 <= at < len(grid) else None


def without_effect(name: str, settings: Settings) -> bool:
    """Whether all values of `name` give these settings the same lists: own items that are not to be shown again, and
    how fast those forget that weigh nothing."""
    return (name == "own_weight" and not settings.seen) or (name == "own_decay" and not settings.own_weight)
