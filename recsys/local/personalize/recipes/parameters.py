"""The hyperparameters of the recipes: name -> default, range and whether HPO may vary it, as the developer guide lists.

The guide's "algorithm hyperparameters" have the name of their recipe here, its "featurization hyperparameters" that
name with _FEATURES.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """A number from `low` to `high` (whole numbers where `low` is one), or one of `values`.

    given: whether a solution may set it; the two that AWS lists for HPO alone are not.
    """

    default: str
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    tunable: bool = False
    given: bool = True

    @property
    def kind(self) -> str:
        """The kind of range it has in DescribeAlgorithm and hpoConfig."""
        if self.values:
            return "categorical"
        return "integer" if isinstance(self.low, int) else "continuous"


Parameters = dict[str, Parameter]
TRUTH = ("true", "false")


def _percentiles(name: str, low: str, high: str) -> Parameters:
    return {f"min_{name}_percentile": Parameter(low, 0.0, 1.0), f"max_{name}_percentile": Parameter(high, 0.0, 1.0)}


HRNN: Parameters = {
    "hidden_dimension": Parameter("149", 32, 256, tunable=True),
    "bptt": Parameter("32", 2, 32, tunable=True),
    "recency_mask": Parameter("true", values=TRUTH, tunable=True),
}
HRNN_FEATURES = _percentiles("user_history_length", "0.0", "0.99")
COLDSTART_FEATURES: Parameters = HRNN_FEATURES | {
    "cold_start_max_interactions": Parameter("15", 1, 1_000_000),
    "cold_start_max_duration": Parameter("5.0", 0.0, 1_000_000.0),
    "cold_start_relative_from": Parameter("latestItem", values=("latestItem", "currentTime")),
}
SIMS: Parameters = {
    "popularity_discount_factor": Parameter("0.5", 0.0, 1.0, tunable=True),
    "min_cointeraction_count": Parameter("3", 0, 10, tunable=True),
}
SIMS_FEATURES: Parameters = {
    **_percentiles("user_history_length", "0.005", "0.995"),
    **_percentiles("item_interaction_count", "0.01", "0.9"),
}
SIMILAR: Parameters = {
    "popularity_discount_factor": Parameter("0.0", 0.0, 1.0),
    "item_id_hidden_dim": Parameter("100", 30, 200, tunable=True, given=False),
    "item_metadata_hidden_dim": Parameter("100", 30, 200, tunable=True, given=False),
}
RECENCY: Parameters = {"apply_recency_bias": Parameter("true", values=TRUTH)}
SEGMENT: Parameters = {"hidden_dimension": Parameter("149", 32, 256)}
ACTION_FEATURES: Parameters = {"action_optimization_period": Parameter("14", 7, 28)}

# The default is that of most pages of the guide; its newest page knows "2 hours" too and makes it the default.
FREQUENCIES = ("30 minutes", "1 hour", "2 hours", "3 hours", "1 day")
TRENDING_FEATURES: Parameters = {"trend_discovery_frequency": Parameter("3 hours", values=FREQUENCIES)}
