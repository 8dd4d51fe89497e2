"""Values of the template's parameters that are more than a name or a number."""

import json
from collections.abc import Mapping

from recsys.params import Params


def filters(**arns: str) -> str:
    """The stack's Filters parameter: Personalize filters without placeholders, by the name the API knows them by."""
    return json.dumps({name: {"arn": arn, "values": []} for name, arn in arns.items()})


def experiment(name: str, campaigns: Mapping[str, str], weights: Mapping[str, float] | None = None) -> dict[str, str]:
    """The stack's parameters for an A/B test of /recommendations: a campaign's ARN, and a weight, for each variant.

    Without weights the variants share the users equally.
    """
    asked = {"name": name, "campaigns": dict(campaigns), **({"weights": dict(weights)} if weights else {})}
    arns = ",".join(sorted(set(campaigns.values())))
    return {"Experiments": json.dumps({"recommendations": asked}), "ExperimentCampaignArns": arns}


def retraining(values: Params) -> dict[str, str]:
    """The stack's parameters that say when to train anew, and by how much worse a version may be that goes live."""
    chosen = values.retraining
    return {"RetrainingSchedule": chosen.retrain_schedule or "", "RetrainingTolerance": f"{chosen.retrain_tolerance:g}"}
