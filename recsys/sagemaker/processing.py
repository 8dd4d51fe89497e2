"""Data preparation as a SageMaker Processing job: the same cleaning as notebook 01's, where the data is large."""

from collections.abc import Mapping
from typing import Any

from recsys import aws
from recsys.sagemaker import sdk

FOLDER = "/opt/ml/processing"
PREPARED, REPORT = "interactions", "report"
VOLUME_GB = 30
LONGEST_SECONDS = 6 * 3600


def prepare_data(
    name: str,
    address: str,
    output: str,
    role_arn: str,
    tags: dict[str, str],
    *,
    image: str,
    instance: str,
    columns: Mapping[str, str] | None = None,
    isolated: bool = False,
    **wait: Any,
) -> tuple[Any, str]:
    """The job that cleans the file at `address`, Completed (an SDK ProcessingJob), and where the prepared CSV lies.

    `columns` maps our names to the file's, such as `{"USER_ID": "customer"}`. `address` and `output` are s3:// URIs;
    the stack's SageMakerRole reads and writes nothing but `sagemaker/` of the stack's bucket, so other places need a
    role of their own. A job that prepared the same file before is taken. No notebook calls it: it is for files that are
    too large for one.

    Raises Refused with the container's own reason when it fails.
    """
    arguments = [word for ours, theirs in sorted((columns or {}).items()) for word in ("--map", f"{ours}={theirs}")]
    jobs, full = sdk.resources().ProcessingJob, sdk.digested(name, image=image, address=address, arguments=arguments)
    place = f"{output}/{full}"
    prepared = f"{place}/{PREPARED}/interactions.csv"
    job = sdk.recent(jobs, full, "processing_job_status")
    if job is None or (job.processing_job_status == "Completed" and not sdk.exists(prepared)):
        cluster = {"instance_type": instance, "instance_count": 1, "volume_size_in_gb": VOLUME_GB}
        job = aws.call(
            jobs.create,
            processing_job_name=sdk.stamped(full),
            role_arn=role_arn,
            app_specification={
                "image_uri": image,
                "container_entrypoint": ["prepare"],
                "container_arguments": arguments or None,
            },
            processing_inputs=[_input(address)],
            processing_output_config={"outputs": [_output(each, place) for each in (PREPARED, REPORT)]},
            processing_resources={"cluster_config": cluster},
            stopping_condition={"max_runtime_in_seconds": LONGEST_SECONDS},
            network_config={"enable_network_isolation": isolated},
            tags=sdk.tags(tags),
            session=sdk.boto(),
        )
    return sdk.wait(f"processing job {job.processing_job_name}", job, "processing_job_status", **wait), prepared


def _input(address: str) -> dict[str, Any]:
    source = {"s3_uri": address, "local_path": f"{FOLDER}/input", "s3_data_type": "S3Prefix", "s3_input_mode": "File"}
    return {"input_name": "raw", "s3_input": source}


def _output(name: str, place: str) -> dict[str, Any]:
    target = {"s3_uri": f"{place}/{name}", "local_path": f"{FOLDER}/output/{name}", "s3_upload_mode": "EndOfJob"}
    return {"output_name": name, "s3_output": target}
