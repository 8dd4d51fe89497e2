"""Tasks of Step Functions that call Personalize, `arn:aws:states:::aws-sdk:personalize:createSolution`.

MiniStack refuses them. Members are spelled as Step Functions spells them, SolutionArn for solutionArn, and an error
is named Personalize.ResourceInUseException; one that the service's model does not have, as throttling, is a
Personalize.PersonalizeException.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import OperationNotFoundError
from ministack.services import stepfunctions

SERVICES = {
    "personalize": ("personalize", "Personalize"),
    "personalizeruntime": ("personalize-runtime", "PersonalizeRuntime"),
    "personalizeevents": ("personalize-events", "PersonalizeEvents"),
}
RUNTIME = "States.Runtime"


def install(client_of: Callable[[str], Any]) -> None:
    """Take over the tasks that are for Personalize."""
    others = stepfunctions._invoke_aws_sdk_integration

    def invoke(resource: str, given: Any) -> Any:
        service, _, action = resource.partition(":aws-sdk:")[2].partition(":")
        if service.lower() not in SERVICES:
            return others(resource, given)
        name, prefix = SERVICES[service.lower()]
        return _call(client_of(name), prefix, action, given or {})

    stepfunctions._invoke_aws_sdk_integration = invoke


def _call(client: Any, prefix: str, action: str, given: dict[str, Any]) -> Any:
    try:
        model = client.meta.service_model.operation_model(action[0].upper() + action[1:])
        members = stepfunctions._sdk_json_param_value(given, model.input_shape)
        answer = getattr(client, xform_name(model.name))(**members)
    except ClientError as error:
        told = error.response["Error"]
        known = {shape.name for shape in client.meta.service_model.error_shapes}
        name = told["Code"] if told["Code"] in known else f"{prefix}Exception"
        raise stepfunctions._ExecutionError(f"{prefix}.{name}", told["Message"]) from None
    except (OperationNotFoundError, ParamValidationError) as error:
        raise stepfunctions._ExecutionError(RUNTIME, str(error)) from None
    answer.pop("ResponseMetadata")
    plain = json.loads(json.dumps(answer, default=lambda moment: moment.timestamp()))
    return stepfunctions._sdk_json_value(plain, model.output_shape) if model.output_shape else {}
