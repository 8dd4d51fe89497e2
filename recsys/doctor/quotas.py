"""What the account still has room for: quotas that a run needs, each with its remedy. Every call only looks."""

from recsys import aws
from recsys.deploy.cleanup.personalize import CAMPAIGN, SOLUTION, group_arn
from recsys.doctor.account import asked, stack_parameters
from recsys.errors import NotKnown, RecsysError, Refused
from recsys.params import Params

DATASET_GROUPS, CAMPAIGNS, SOLUTIONS = 5, 5, 10  # AWS's defaults, raised on request; the last two of a dataset group
RAISE = "raise the quota in the Service Quotas console"


def dataset_groups(values: Params) -> str:
    """Room for this environment's dataset group."""
    groups = [group["name"] for group in aws.pages("personalize", "list_dataset_groups", "datasetGroups")]
    return _room("dataset groups", groups, [values.named(values.dataset.dataset_group)], DATASET_GROUPS)


def solutions_and_campaigns(values: Params) -> str:
    """Room in this environment's dataset group for what the notebooks make there, the experiment of 09 included."""
    arn = group_arn(values.named(values.dataset.dataset_group))
    solutions = list(SOLUTION.listed(datasetGroupArn=arn)) if arn else []
    campaigns = [campaign for solution in solutions for campaign in CAMPAIGN.listed(solutionArn=solution)]
    training, serving, control = values.training, values.serving, values.experiments.control_solution
    made = [training.solution, training.similar_items_solution, control]
    served = [serving.campaign, serving.similar_items_campaign, control]
    return "; ".join(
        _room(kind, [arn.rpartition("/")[2] for arn in found], [values.named(name) for name in wanted], default)
        for kind, found, wanted, default in (
            ("solutions", solutions, made, SOLUTIONS),
            ("campaigns", campaigns, served, CAMPAIGNS),
        )
    )


def instances(values: Params) -> str:
    """SageMaker's quotas of the instance types of notebook 06, which new accounts often have at 0."""
    chosen = values.sagemaker
    job = "spot training job" if chosen.spot_training else "training job"
    wanted = {
        f"{chosen.training_instance} for {job} usage": 1,
        f"{chosen.endpoint_instance} for endpoint usage": chosen.endpoint_instances,
        f"{chosen.endpoint_instance} for transform job usage": 1,
    }
    quotas = _quotas("sagemaker")
    short = [
        f"{quotas[name]} {name}, {count} needed" for name, count in wanted.items() if quotas.get(name, count) < count
    ]
    if short:
        raise RecsysError(
            f"{'; '.join(short)}: {RAISE}, or choose otherwise by sagemaker.training_instance, "
            "sagemaker.spot_training, sagemaker.endpoint_instance"
        )
    if missing := wanted.keys() - quotas.keys():
        raise NotKnown(f"Service Quotas tells nothing of {', '.join(sorted(missing))}")
    return ", ".join(f"{quotas[name]} {name}" for name in wanted)


def shards(values: Params) -> str:
    """Room for the stream's shards, or where it is on demand for one such stream."""
    try:
        limits = asked("kinesis:DescribeLimits", aws.client("kinesis").describe_limits)
    except Refused as error:
        raise NotKnown(f"Kinesis does not tell its limits: {error}") from error
    standing = stack_parameters(values)
    there = bool(standing.get("TrackingId"))
    if standing.get("StreamMode") == "ON_DEMAND":
        kind, own, wanted = "streams on demand", int(there), 1
        used, most = limits["OnDemandStreamCount"], limits["OnDemandStreamCountLimit"]
    else:
        kind, own, wanted = "shards", int(standing.get("ShardCount", 0)) if there else 0, values.stream.shard_count
        used, most = limits["OpenShardCount"], limits["ShardLimit"]
    told = f"{wanted} {kind} wanted, {used - own} of {most} used by others"
    if used - own + wanted > most:
        raise RecsysError(f"{told}: fewer shards (stream.shard_count), or {RAISE}")
    return told


def _room(kind: str, found: list[str], wanted: list[str], default: int) -> str:
    """How many of Personalize's resources there are. Raises where those that are wanted are too many besides."""
    try:
        quotas = _quotas("personalize")
    except NotKnown:
        quotas = {}
    quota = next((value for name, value in quotas.items() if kind in name), None)
    most, missing = quota or default, set(wanted) - set(found)
    used = f"{len(found)} of {most} {kind} in use"
    if not missing or len(found) + len(missing) <= most:
        return used
    remedy = f"{used} ({', '.join(found)}), {len(missing)} more wanted: delete some, or {RAISE}"
    if quota is None:
        raise NotKnown(f"{remedy}; {default} is AWS's default, this account's own could not be found out")
    raise RecsysError(remedy)


def _quotas(service: str) -> dict[str, int]:
    """This account's quotas by their names in lower case. Raises NotKnown where Service Quotas does not tell."""
    try:
        found = list(aws.pages("service-quotas", "list_service_quotas", "Quotas", ServiceCode=service))
    except Refused as error:
        raise NotKnown(f"Service Quotas does not tell this account's: {error}") from error
    return {quota["QuotaName"].lower(): int(quota["Value"]) for quota in found}
