"""Our model trained as a SageMaker job, through the SDK's ModelTrainer, and what SageMaker scraped of its metrics."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from recsys import aws
from recsys.errors import DataError
from recsys.metrics import Interval
from recsys.sagemaker import sdk
from recsys.sagemaker.metrics import METRIC_DEFINITIONS, NAMES

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CHANNEL = "interactions"
VOLUME_GB = 10
LONGEST_SECONDS = 3600  # of a job; what it is asked to search for in time is the budget among its hyperparameters


def ensure_training_job(
    name: str,
    address: str,
    output: str,
    role_arn: str,
    tags: dict[str, str],
    *,
    image: str,
    hyperparameters: dict[str, Any],
    instance: str,
    spot: bool = False,
    isolated: bool = False,
    **wait: Any,
) -> Any:
    """The job that trains on the interactions at `address` with these settings, Completed; an SDK TrainingJob.

    `address` and `output` are s3:// URIs; the stack's SageMakerRole reads and writes nothing but `sagemaker/` of the
    stack's bucket, so other places need a role of their own. Its name is `name`, a digest of what decides the model and
    of what it reports, and the time: a job of the same digest that runs or is done is taken instead of a new one.
    `spot`: on spare capacity, cheaper, and resumed from the checkpoints where AWS takes it back. `isolated`: without
    any network.
    Raises Refused with the container's own reason when it fails, TimedOut.
    """
    full = sdk.digested(name, image=image, address=address, reports=NAMES, **hyperparameters)
    job = sdk.recent(sdk.resources().TrainingJob, full, "training_job_status")
    if job is None or not _kept(job):
        trainer = _trainer(full, output, role_arn, image, hyperparameters, instance, spot, isolated)
        trainer.tags = sdk.tags(tags)
        aws.call(trainer.train, input_data_config=[_channel(address)], wait=False, logs=False)
        job = trainer._latest_training_job
    return sdk.wait(f"training job {job.training_job_name}", job, "training_job_status", **wait)


def final_metrics(job: Any) -> dict[str, float]:
    """The last value that SageMaker scraped of each metric, by name."""
    found = job.final_metric_data_list or []
    return {metric.metric_name: float(metric.value) for metric in found}


def lead_over_popularity(measured: Mapping[str, float]) -> Interval:
    """Of NDCG@10 on the unseen users, from a job's final metrics. Raises DataError where an old image told none."""
    names = ("test:ndcg_at_10", "test:popularity_ndcg_at_10", "test:lead_low", "test:lead_high")
    if missing := [name for name in names if name not in measured]:
        raise DataError(f"the job reported no {', '.join(missing)}: build its image again from this container")
    model, popular, low, high = (measured[name] for name in names)
    return Interval(model - popular, low, high)


def reported(job: Any) -> pd.DataFrame:
    """Every value of a metric in a job's log, by the definitions SageMaker scrapes it with: columns metric_name, value.

    In the order in which they were printed; CloudWatch keeps but one value a second.
    """
    log = {"logGroupName": LOG_GROUP, "logStreamNamePrefix": f"{job.training_job_name}/"}
    lines = [event["message"] for event in aws.pages("logs", "filter_log_events", "events", **log)]
    found = (
        (each["Name"], float(value))
        for line in lines
        for each in METRIC_DEFINITIONS
        for value in re.findall(each["Regex"], line)
    )
    return pd.DataFrame(found, columns=["metric_name", "value"])


def _trainer(
    name: str,
    output: str,
    role_arn: str,
    image: str,
    hyperparameters: dict[str, Any],
    instance: str,
    spot: bool,
    isolated: bool,
) -> Any:
    session = sdk.session(output.split("/")[2])
    from sagemaker.core.shapes import CheckpointConfig, OutputDataConfig
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, MetricDefinition, Networking, StoppingCondition

    definitions = [MetricDefinition(name=each["Name"], regex=each["Regex"]) for each in METRIC_DEFINITIONS]
    return ModelTrainer(
        sagemaker_session=session,
        base_job_name=name,
        training_image=image,
        role=role_arn,
        hyperparameters=hyperparameters,
        compute=Compute(
            instance_type=instance,
            instance_count=1,
            volume_size_in_gb=VOLUME_GB,
            enable_managed_spot_training=spot,
        ),
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=LONGEST_SECONDS,
            max_wait_time_in_seconds=2 * LONGEST_SECONDS if spot else None,
        ),
        networking=Networking(enable_network_isolation=isolated),
        output_data_config=OutputDataConfig(s3_output_path=f"{output}/models"),
        checkpoint_config=CheckpointConfig(s3_uri=f"{output}/checkpoints/{name}"),
    ).with_metric_definitions(definitions)


def _channel(address: str) -> Any:
    from sagemaker.train.configs import InputData

    return InputData(channel_name=CHANNEL, data_source=address, content_type="text/csv")


def _kept(job: Any) -> bool:
    return job.training_job_status == "InProgress" or sdk.exists(job.model_artifacts.s3_model_artifacts)
