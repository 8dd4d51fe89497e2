"""Does a recorded resource still stand? One Describe per ARN; names and addresses follow their stack."""

from recsys import aws

DESCRIBE = {
    "dataset-group": ("describe_dataset_group", "datasetGroupArn"),
    "schema": ("describe_schema", "schemaArn"),
    "dataset": ("describe_dataset", "datasetArn"),
    "solution": ("describe_solution", "solutionArn"),
    "campaign": ("describe_campaign", "campaignArn"),
    "filter": ("describe_filter", "filterArn"),
    "event-tracker": ("describe_event_tracker", "eventTrackerArn"),
}
SAGEMAKER = {
    "training-job": ("describe_training_job", "TrainingJobName"),
    "transform-job": ("describe_transform_job", "TransformJobName"),
    "processing-job": ("describe_processing_job", "ProcessingJobName"),
    "model": ("describe_model", "ModelName"),
    "endpoint": ("describe_endpoint", "EndpointName"),
    "model-package-group": ("describe_model_package_group", "ModelPackageGroupName"),
    "model-package": ("describe_model_package", "ModelPackageName"),
}


def exists(resource: str) -> bool:
    """True unless `resource` is an ARN of Personalize, SageMaker or a stack that is gone.

    Raises AwsError where none answers.
    """
    parts = resource.split(":", 5)
    if parts[:3] == ["arn", "aws", "personalize"]:
        kind, _, rest = parts[5].partition("/")
        operation, argument = DESCRIBE.get(kind, (None, None))
        if kind == "solution" and "/" in rest:
            operation, argument = "describe_solution_version", "solutionVersionArn"
        if operation is None:
            return True
        found = aws.find(getattr(aws.client("personalize"), operation), **{argument: resource})
        return found is not None
    if parts[:3] == ["arn", "aws", "sagemaker"]:
        return _sagemaker_stands(resource)
    if parts[:3] == ["arn", "aws", "cloudformation"]:
        return _stack_stands(resource)
    return True


def _sagemaker_stands(arn: str) -> bool:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind not in SAGEMAKER:
        return True
    operation, argument = SAGEMAKER[kind]
    named = {argument: arn if kind == "model-package" else name}
    return aws.find(getattr(aws.client("sagemaker"), operation), **named) is not None


def _stack_stands(arn: str) -> bool:
    name = arn.split(":", 5)[5].split("/")[1]
    try:
        stacks = aws.call(aws.client("cloudformation").describe_stacks, StackName=name)["Stacks"]
    except aws.Refused as error:
        if error.code == "ValidationError":
            return False
        raise
    return stacks[0]["StackId"] == arn and not stacks[0]["StackStatus"].startswith("DELETE")
