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


def exists(resource: str) -> bool:
    """True unless `resource` is a Personalize ARN or a stack's ARN that is gone. Raises AwsError where none answers."""
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
    if parts[:3] == ["arn", "aws", "cloudformation"]:
        return _stack_stands(resource)
    return True


def _stack_stands(arn: str) -> bool:
    name = arn.split(":", 5)[5].split("/")[1]
    try:
        stacks = aws.call(aws.client("cloudformation").describe_stacks, StackName=name)["Stacks"]
    except aws.Refused as error:
        if error.code == "ValidationError":
            return False
        raise
    return stacks[0]["StackId"] == arn and not stacks[0]["StackStatus"].startswith("DELETE")
