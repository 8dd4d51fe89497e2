"""What a caller must be allowed to do for an operation: IAM actions and the resources they are checked on.

As the Service Authorization Reference has it: the resource an operation is about or makes, nothing (`*`) for lists.
Beyond it, as AWS's own samples need it: a filter that is asked with; and as the API reference says of PutEvents, `*`
where only a tracking id is given.
"""

from collections.abc import Callable, Iterator
from typing import Any

from recsys.local.personalize.control.resources import KINDS
from recsys.local.personalize.wire.protocol import Operation
from recsys.local.shared.errors import ServiceError

Params = dict[str, Any]
Need = tuple[str, str, dict[str, str]]  # action, resource, condition keys
PASSED = {"iam:PassedToService": "personalize.amazonaws.com"}
UNDER_A_PARENT = "CreateSolutionVersion"  # checked on the solution: a version has no name of its own


def needed(operation: Operation, params: Params, arn_of: Callable[[str], str]) -> Iterator[Need]:
    """Every check of one request; `arn_of` makes an ARN of what stands behind the account in it."""
    action = f"personalize:{operation.name}"
    resources = list(_resources(operation, params, arn_of)) or ["*"]
    for resource in resources:
        yield action, resource, {}
    if params.get("tags"):
        yield "personalize:TagResource", resources[0], {}
    for role in (params.get("roleArn"), params.get("metricsOutputConfig", {}).get("roleArn")):
        if role:
            yield "iam:PassRole", role, PASSED


def denied(reason: str, operation: Operation) -> ServiceError:
    """The refusal AWS answers with."""
    return ServiceError("AccessDeniedException", reason, 403 if operation.rest else 400)


def _resources(operation: Operation, params: Params, arn_of: Callable[[str], str]) -> Iterator[str]:
    name = operation.name
    if operation.rest:
        yield from (params[member] for member in ("campaignArn", "recommenderArn", "datasetArn") if member in params)
        yield from _filters(params)
    elif name.startswith("Create") and name != UNDER_A_PARENT:
        yield arn_of(_path(name.removeprefix("Create"), params))
    elif not name.startswith("List") or name == "ListTagsForResource":
        named = [member for member in operation.model.input_shape.members if member.endswith("Arn")]
        yield from [params[member] for member in named if member in params][:1]


def _filters(params: Params) -> Iterator[str]:
    for each in (params, *params.get("promotions", ())):
        if "filterArn" in each:
            yield each["filterArn"]


def _path(kind: str, params: Params) -> str:
    group, kind_of_data = params.get("datasetGroupArn", "").rpartition("/")[2], params.get("datasetType", "")
    fields = {"name": params.get(KINDS[kind].name_member), "group": group, "type": kind_of_data.upper()}
    return KINDS[kind].path.format(**fields)
