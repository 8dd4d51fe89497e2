"""The model registry: which models there are, from which training, and which of them may go live."""

from typing import Any

from recsys import aws
from recsys.sagemaker import sdk

CONTENT_TYPES = ["application/json", "application/jsonlines", "text/csv"]
APPROVED, PENDING = "Approved", "PendingManualApproval"
JOB = "TrainingJob"


def ensure_group(name: str, tags: dict[str, str]) -> str:
    """The ARN of the model package group of that name, created if it is not there. Its packages carry its tags."""
    groups = sdk.resources().ModelPackageGroup
    group = sdk.find(groups.get, model_package_group_name=name) or aws.call(
        groups.create, model_package_group_name=name, tags=sdk.tags(tags), session=sdk.boto()
    )
    return group.model_package_group_arn


def register_model(group_arn: str, job: Any, image: str, metrics: dict[str, float]) -> Any:
    """The package of a training job's model in the group, a new version unless the job has one; an SDK ModelPackage.

    It waits for approval. Its metrics stand with it, so that whoever approves sees them.
    """
    package = _of_job(group_arn, job.training_job_name)
    if package is None:
        session = sdk.session(job.output_data_config.s3_output_path.split("/")[2])
        # ModelPackage.create of version 3.27 fails when the package is made: it reads a name that AWS does not tell.
        from sagemaker.core.model_registry import create_model_package_from_containers

        measured = {name.replace(":", "/"): f"{value:.6f}" for name, value in metrics.items()}
        arn = aws.call(
            create_model_package_from_containers,
            sagemaker_session=session,
            containers=[{"Image": image, "ModelDataUrl": job.model_artifacts.s3_model_artifacts}],
            content_types=CONTENT_TYPES,
            response_types=CONTENT_TYPES,
            model_package_group_name=group_arn,
            approval_status=PENDING,
            customer_metadata_properties={JOB: job.training_job_name, **measured},
        )["ModelPackageArn"]
        package = aws.call(sdk.resources().ModelPackage.get, model_package_name=arn, session=sdk.boto())
    return package


def approve(package: Any, why: str) -> Any:
    """The package, approved with a reason: only such a one may be hosted."""
    if package.model_approval_status != APPROVED:
        aws.call(package.update, model_approval_status=APPROVED, approval_description=why)
    return package


def _of_job(group_arn: str, job_name: str) -> Any:
    packages = aws.call(
        sdk.resources().ModelPackage.get_all,
        model_package_group_name=group_arn.rsplit("/", 1)[1],
        sort_by="CreationTime",
        sort_order="Descending",
        session=sdk.boto(),
    )
    return next((each for each in packages if (each.customer_metadata_properties or {}).get(JOB) == job_name), None)
