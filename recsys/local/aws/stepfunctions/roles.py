"""A task of Step Functions runs with the role of its state machine, and fails where the role may not do it.

MiniStack does not look at the role. A task for Personalize is asked for with the role's credentials, and Personalize
checks it; every other one is checked here, by the action and the resource that its parameters name.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions

from recsys.local.aws.iam import permissions
from recsys.local.aws.stepfunctions.personalize_tasks import SERVICES as PERSONALIZE

SESSION = "state-machine"
# What a denied task of an optimized integration is called; an SDK integration has the service's own name for it.
DENIED = {"lambda": "Lambda.AWSLambdaException", "sns": "SNS.AuthorizationErrorException"}
# Operations of S3 that are checked under the name of another.
S3 = {"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadBucket": "ListBucket", "HeadObject": "GetObject"}

Asked = tuple[str, str, dict[str, str]]  # action, resource, condition keys

_role: ContextVar[str] = ContextVar("role", default="")


def install() -> None:
    """Know whose task it is, and check it."""
    stepfunctions._execute_task = _with_role(stepfunctions._execute_task)
    stepfunctions._invoke_resource = _if_it_may(stepfunctions._invoke_resource)


def clients(client: Callable[..., Any]) -> Callable[[str], Any]:
    """The clients that `client` makes, with the credentials of the role whose task it is."""

    def client_of(service: str) -> Any:
        keys = permissions.credentials(_role.get(), SESSION) or {}
        return client(service, **{name.lower(): value for name, value in keys.items()})

    return client_of


def _with_role(execute: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's does a task without knowing whose; here its machine's role is known while it runs."""

    def executed(state: dict, given: Any, execution: dict, context: dict) -> Any:
        machine = stepfunctions._state_machines.get((execution or {}).get("stateMachineArn", ""))
        token = _role.set((machine or {}).get("roleArn", ""))
        try:
            return execute(state, given, execution, context)
        finally:
            _role.reset(token)

    return executed


def _if_it_may(invoke: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """MiniStack's calls whatever the role; here a task whose role may not fails, with AWS's error."""

    def invoked(resource: str, given: Any) -> Any:
        asked = _asked(resource, given if isinstance(given, dict) else {})
        if asked and (denied := permissions.denial_of_role(_role.get(), SESSION, *asked)):
            service = asked[0].partition(":")[0]
            plain = f"{service.title()}.AccessDeniedException"
            raise stepfunctions._ExecutionError(
                plain if ":aws-sdk:" in resource else DENIED.get(service, plain), denied
            )
        return invoke(resource, given)

    return invoked


def _asked(resource: str, given: dict[str, Any]) -> Asked | None:
    """The check of a task; None where it is made elsewhere."""
    if ":lambda:" in resource and ":aws-sdk:" not in resource:
        return (
            "lambda:InvokeFunction",
            _function(given.get("FunctionName") if ":states:::" in resource else resource),
            {},
        )
    task = resource.partition(":states:::")[2].removeprefix("aws-sdk:").split(".")[0]
    service, _, operation = task.partition(":")
    if not operation or service.lower() in PERSONALIZE:
        return None
    operation = operation[0].upper() + operation[1:]
    if service == "s3":
        place = f"arn:aws:s3:::{given.get('Bucket', '')}/{given.get('Key', '')}".rstrip("/")
        return f"s3:{S3.get(operation, operation)}", place, {"s3:prefix": given.get("Prefix", "")}
    if service in ("sfn", "states"):
        return f"states:{operation}", given.get("StateMachineArn", given.get("ExecutionArn", "*")), {}
    action = f"{service}:{operation}"
    request = ("POST", "/", {"x-amz-target": action}, json.dumps(given, default=str).encode(), given)
    return action, iam_actions.extract_resource_arn(service, *request, get_region(), get_account_id()), {}


def _function(name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"
