"""Does a recorded resource still stand? One Describe per ARN; names and addresses follow their stack."""

from collections.abc import Callable

from recsys.deploy import stack
from recsys.deploy.cleanup import personalize, sagemaker


def exists(resource: str) -> bool:
    """True unless `resource` is an ARN of Personalize, SageMaker or a stack that is gone.

    Raises AwsError where none answers.
    """
    stands = STANDS.get(resource.split(":")[2]) if resource.startswith("arn:") else None
    return stands is None or stands(resource)


def _in_personalize(arn: str) -> bool:
    kind = personalize.VERSION if personalize.is_version(arn) else personalize.kind_of(arn)
    return kind is None or kind.describe(arn) is not None


def _in_sagemaker(arn: str) -> bool:
    kind = sagemaker.kind_of(arn)
    return kind is None or kind.look(arn) is not None


def _as_stack(arn: str) -> bool:
    found = stack.describe(arn.split("/")[1])
    return found is not None and found["StackId"] == arn and not found["StackStatus"].startswith("DELETE")


STANDS: dict[str, Callable[[str], bool]] = {
    "personalize": _in_personalize,
    "sagemaker": _in_sagemaker,
    "cloudformation": _as_stack,
}
