"""A dry run: what the notebooks would create, in their order, through the stages' own code, without a call.

The data is really prepared, since its columns decide the schemas; every request is built and validated by botocore.
"""

import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from recsys import aws, data, deploy, dry, serve, stream, train
from recsys.columns import ITEM_COLUMNS
from recsys.deploy import stack as stacks
from recsys.dry import Request
from recsys.params import Params

OUTPUTS = ("BucketName", "RoleArn", "StreamName", "TableName", "ApiUrl")
STAGES = {"EnvironmentSuffix": (None,), "TrackingId": ("HasTracker", "HasFunctions", "IsWatched")}
STAGES |= {"RetrainingSchedule": ("HasApi", "HasBatch", "IsRetrained"), "CampaignArn": ("HasApi", "HasBatch")}


def plan(values: Params) -> list[Request]:
    """Every request that a run on AWS would make, in order. Raises what the run would raise on its way there."""
    aws.connect(values.aws.region)
    tags = values.tags("planned")
    with dry.recording() as recorder, tempfile.TemporaryDirectory() as folder:
        recorder.stack_outputs = {name: f"{name.lower()}-{values.aws.environment_suffix}" for name in OUTPUTS}
        recorder.stack_outputs["RoleArn"] = (
            f"arn:aws:iam::{dry.ACCOUNT}:role/personalize-{values.aws.environment_suffix}"
        )
        given = {"EnvironmentSuffix": values.aws.environment_suffix, **deploy.name_parameters(values)}
        outputs = deploy.deploy(values.stack_name, given, tags)
        group = _datasets(values, tags, outputs, Path(folder))
        versions = _solutions(values, tags, group)
        campaign = _serving(values, tags, group, versions)
        _experiment(values, tags, group, campaign)
    return recorder.requests


def show(requests: list[Request], values: Params, console: Console) -> None:
    """Print the requests that create or change something, and the stack's resources where they come."""
    table = Table(box=None, pad_edge=False)
    for name in ("service", "request", "what"):
        table.add_column(name, overflow="fold")
    for request in (request for request in requests if request.creates):
        table.add_row(request.service, request.operation, _subject(request))
        for kind, count in _resources(request).items():
            table.add_row("", "", f"  {count} x {kind}")
    console.print(table)
    console.print(
        "06_batch_and_sagemaker goes through SageMaker's own SDK, whose requests are not told here: a training job, a "
        "model package, an endpoint with autoscaling, a batch transform; and the stack's EndpointName."
    )
    console.print(
        f"{sum(request.creates for request in requests)} requests of a run that finds nothing there, validated, none "
        f"sent; region {values.aws.region}"
    )


def _datasets(values: Params, tags: dict[str, str], outputs: dict[str, str], folder: Path) -> str:
    prepared = data.prepare(**values.data.model_dump(include=data.PREPARE_ARGUMENTS))
    frames = {"Interactions": prepared.interactions, "Items": prepared.items, "Users": prepared.users}
    files = dict(zip(frames, prepared.write(folder), strict=True))
    group = train.ensure_dataset_group(values.named(values.dataset.dataset_group), tags)
    further = {"Items": values.data.item_metadata, "Users": values.data.user_metadata}
    for kind in train.DATASETS:
        name = values.named(f"{values.dataset.dataset_group}-{kind.lower()}")
        schema = train.ensure_schema(name, train.schema(kind, list(frames[kind].columns), further.get(kind)))
        dataset = train.ensure_dataset(group, kind, name, schema, tags)
        address = train.upload(outputs["BucketName"], files[kind], "tables")
        train.import_table(dataset, address, outputs["RoleArn"], values.dataset.import_mode, tags)
    return group


def _solutions(values: Params, tags: dict[str, str], group: str) -> list[str]:
    chosen = values.training
    options: dict[str, Any] = {"perform_auto_training": chosen.perform_auto_training, "event_type": chosen.event_type}
    main = train.ensure_solution(
        group, values.named(chosen.solution), chosen.recipe, tags, perform_hpo=chosen.perform_hpo, **options
    )
    similar = train.ensure_solution(
        group, values.named(chosen.similar_items_solution), chosen.similar_items_recipe, tags
    )
    return [train.begin_training(solution, tags) for solution in (main, similar)]


def _serving(values: Params, tags: dict[str, str], group: str, versions: list[str]) -> str:
    names = (values.serving.campaign, values.serving.similar_items_campaign)
    main, similar = (
        serve.ensure_campaign(values.named(name), version, values.serving.min_provisioned_tps, tags, metadata=True)
        for name, version in zip(names, versions, strict=True)
    )
    expression = serve.excluding(values.serving.purchase_events)
    seen = serve.ensure_filter(group, values.named(values.serving.filter_seen), expression, tags)
    _, tracking_id = stream.tracker(group, values.named(values.stream.event_tracker), tags)
    deploy.deploy(values.stack_name, {"TrackingId": tracking_id, "ShardCount": str(values.stream.shard_count)}, tags)
    arns = {"CampaignArn": main["campaignArn"], "SimilarItemsCampaignArn": similar["campaignArn"]}
    columns = [*ITEM_COLUMNS, *values.data.item_metadata]
    filters = serve.offer_filters(group, seen, values.named, values.serving.purchase_events, tags, columns)
    offered = deploy.filter_parameters(values.stack_name, filters)
    grown = {**arns, "SolutionVersionArn": versions[0], **offered, **deploy.retraining_parameters(values)}
    deploy.deploy(values.stack_name, grown, tags)
    return main["campaignArn"]


def _experiment(values: Params, tags: dict[str, str], group: str, campaign: str) -> None:
    chosen = values.experiments
    name, tps = values.named(chosen.control_solution), values.serving.min_provisioned_tps
    version = train.begin_training(train.ensure_solution(group, name, train.POPULARITY_COUNT, tags), tags)
    control = serve.ensure_campaign(name, version, tps, tags, metadata=True)["campaignArn"]
    weights = {"popular": chosen.control_share, "personal": 1 - chosen.control_share}
    trial = deploy.variant_parameters(chosen.experiment_name, {"popular": control, "personal": campaign}, weights)
    for running in (deploy.running_experiments(trial), deploy.running_experiments()):
        deploy.deploy(values.stack_name, running, tags)
    serve.remove_campaign(control)


def _subject(request: Request) -> str:
    parameters = request.parameters
    if request.operation == "PutObject":
        return f"s3://{parameters['Bucket']}/{parameters['Key']}"
    named = ("name", "jobName", "StackName", "campaignArn", "solutionArn")
    return next((str(parameters[key]) for key in named if key in parameters), "")


def _resources(request: Request) -> dict[str, int]:
    """Types and counts of the resources that a stack request adds."""
    if request.operation not in ("CreateStack", "UpdateStack"):
        return {}
    given = {entry["ParameterKey"] for entry in request.parameters["Parameters"] if entry.get("ParameterValue")}
    stage = next((conditions for name, conditions in STAGES.items() if name in given), ())
    return stacks.resources(*stage)
