"""What a caller must be allowed to do for an operation: IAM actions and the resources they are checked on.

As the Service Authorization Reference has it: the resource an operation is about or makes, nothing (`*`) for lists.
"""

from collections.abc import Iterator

from recsys.local.sagemaker.control import Control, Params
from recsys.local.sagemaker.kinds import KINDS, verb_and_kind

Need = tuple[str, str, dict[str, str]]  # action, resource, condition keys
PASSED = {"iam:PassedToService": "sagemaker.amazonaws.com"}
ROLES = ("RoleArn", "ExecutionRoleArn")


def needed(control: Control, operation: str, params: Params) -> Iterator[Need]:
    """Every check of one request to the control plane."""
    resource = _resource(control, operation, params)
    yield f"sagemaker:{operation}", resource, {}
    if params.get("Tags") and operation != "AddTags":
        yield "sagemaker:AddTags", resource, {}
    for member in ROLES:
        if member in params:
            yield "iam:PassRole", params[member], PASSED


def invoking(control: Control, operation: str, endpoint: str) -> Need:
    """The check of a call to an endpoint."""
    return f"sagemaker:{operation}", control.arn(KINDS["Endpoint"], endpoint), {}


def _resource(control: Control, operation: str, params: Params) -> str:
    if operation == "UpdateEndpointWeightsAndCapacities":
        operation = "UpdateEndpoint"
    found = verb_and_kind(operation)
    if found is None or found[0] == "List":
        return params.get("ResourceArn", params.get("ModelPackageArn", "*"))
    _, kind = found
    name = params.get(kind.name_member, params.get(kind.arn_member, ""))
    if not name and kind is KINDS["ModelPackage"]:
        name = params.get("ModelPackageGroupName", "").rpartition("/")[2] + "/*"
    return name if name.startswith("arn:") else control.arn(kind, name)
