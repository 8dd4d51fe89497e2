"""Values of the template's parameters that are more than a name or a number."""

import json
from collections.abc import Mapping
from typing import Any

from recsys.deploy import stack
from recsys.errors import ParamsError
from recsys.params import Params

EXPERIMENT_ROUTES = ("recommendations", "similar-items", "rankings")  # as the API's function knows them
BY_HAND = "cron(0 0 1 1 ? 2199)"  # the last year that EventBridge knows


def name_parameters(values: Params, version_arn: str = "") -> dict[str, str | int]:
    """DatasetGroupName, SolutionName, CampaignName, MinProvisionedTPS, LambdaFunctionName and APIName.

    The solution may be called otherwise than the params say, since its settings are fixed: by its version, where known.
    """
    function = values.api.lambda_function_name
    return {
        "DatasetGroupName": values.named(values.dataset.dataset_group),
        "SolutionName": version_arn.split("/")[1] if version_arn else values.named(values.training.solution),
        "CampaignName": values.named(values.serving.campaign),
        "MinProvisionedTPS": values.serving.min_provisioned_tps,
        "LambdaFunctionName": function,
        "APIName": function,
    }


def filter_parameters(stack_name: str, filters: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Filters: these beside those that the stack knows, by the name the API knows each by.

    Each is `{"arn": ..., "values": [placeholders]}`. Where the stack has the name for another filter, that was set by
    hand and stays.
    """
    ours = {entry["arn"] for entry in filters.values()}
    known = json.loads(stack.values_of(stack.describe(stack_name)).get("Filters") or "{}")
    by_hand = {name: entry for name, entry in known.items() if entry["arn"] not in ours}
    return {"Filters": json.dumps({**known, **filters, **by_hand})}


def variant_parameters(
    name: str, campaigns: Mapping[str, str], weights: Mapping[str, float] | None = None, route: str = "recommendations"
) -> dict[str, str]:
    """Experiments and ExperimentCampaignArns for an A/B test of one route: per variant a campaign's ARN and a weight.

    Without weights the variants share the users equally. Deployed alone it ends every other test: see
    `running_experiments`.
    Raises ParamsError where the route takes none.
    """
    if route not in EXPERIMENT_ROUTES:
        raise ParamsError(f'no experiment can run on "{route}", only on one of {", ".join(EXPERIMENT_ROUTES)}')
    asked = {"name": name, "campaigns": dict(campaigns), **({"weights": dict(weights)} if weights else {})}
    arns = ",".join(sorted(set(campaigns.values())))
    return {"Experiments": json.dumps({route: asked}), "ExperimentCampaignArns": arns}


def running_experiments(*each: Mapping[str, str]) -> dict[str, str]:
    """Experiments and ExperimentCampaignArns for these and no others, each on a route of its own; for none without any.

    Raises ParamsError where two are for one route.
    """
    asked = [entry for trial in each for entry in json.loads(trial["Experiments"]).items()]
    if len(dict(asked)) < len(asked):
        raise ParamsError(f"one experiment a route, not two: {', '.join(sorted(route for route, _ in asked))}")
    arns = {arn for trial in each for arn in trial["ExperimentCampaignArns"].split(",") if arn}
    return {"Experiments": json.dumps(dict(asked)), "ExperimentCampaignArns": ",".join(sorted(arns))}


def retraining_parameters(values: Params, by_hand: bool = False) -> dict[str, str]:
    """RetrainingSchedule and RetrainingTolerance: when to retrain, and how much worse what goes live may be.

    `by_hand` brings the state machine also where the params set no schedule: with a placeholder in the year 2199,
    so that nothing is trained, and billed, but by who asks for it.
    """
    chosen = values.retraining
    schedule = chosen.retrain_schedule or (BY_HAND if by_hand else "")
    return {"RetrainingSchedule": schedule, "RetrainingTolerance": f"{chosen.retrain_tolerance:g}"}
