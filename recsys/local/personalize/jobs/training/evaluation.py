"""The metrics of GetSolutionMetrics for models of items, on users the model has not seen."""

import numpy as np

from recsys import metrics
from recsys.local.personalize.jobs.training.data import Data
from recsys.local.personalize.jobs.training.metadata import item_numbers
from recsys.models.base import Model
from recsys.models.protocol import Split
from recsys.models.related.base import RelatedItems

SHOWN = 25
LONG = 500  # the most a request can ask for: of these, average_rewards_at_k looks at the 25 with the highest rewards


def of_items(data: Data, model: Model, split: Split) -> dict[str, float]:
    """AWS's eight metrics and, where events weigh differently, NDCG with their weights."""
    codes = _recommended(model, split, SHOWN)
    found = metrics.personalize_metrics(codes, split.targets, data.catalogue_size)
    if split.weights is not None:
        for k in (5, 10, 25):
            ndcg = metrics.own_hits_weighted_ndcg_at(codes, split.targets, split.weights, k)
            found[f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}"] = float(ndcg.mean())
    return found


def of_objective(data: Data, model: Model, split: Split) -> dict[str, float]:
    """average_rewards_at_k, for a solution with an objective; an item without a value has no reward."""
    objective = data.config.get("optimizationObjective", {})
    if objective.get("objectiveSensitivity", "OFF") == "OFF":
        return {}
    rewards = np.nan_to_num(item_numbers(data, objective["itemAttribute"], model.item_ids))
    rewards -= min(0.0, rewards.min())
    codes = _recommended(model, split, LONG)
    return {"average_rewards_at_k": metrics.average_rewards(codes, split.targets, rewards)}


def ndcg(model: Model, split: Split) -> float:
    """The usual NDCG@10, what hyperparameters are chosen by."""
    return float(metrics.ndcg_at(_recommended(model, split, 10), split.targets, 10).mean())


def _recommended(model: Model, split: Split, k: int) -> np.ndarray:
    """(n, k) item codes. Related items are asked for the user's last item, as a campaign would be."""
    if isinstance(model, RelatedItems):
        asked, of_user = np.unique([history[-1] for history in split.histories], return_inverse=True)
        return model.recommend(asked[:, None], k, exclude_seen=True)[0][of_user]
    return model.recommend(split.histories, k)[0]
