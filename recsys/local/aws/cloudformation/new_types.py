"""Types that MiniStack's CloudFormation refuses, with the whole template, or makes nothing of.

- ApplicationAutoScaling's two are recorded in the stack; nothing is scaled, as the throughput of a table is not
  enforced either.
- A web ACL's association with a stage is recorded in the stack; nothing is filtered.
- A request validator is made, and a CloudTrail trail (trails.py).
"""

from collections.abc import Callable

from ministack.services import apigateway_v1
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from recsys.local.aws.cloudformation import trails
from recsys.local.aws.cloudformation.answers import Created, Properties, accepted, true


def install() -> None:
    """Know these types."""
    _RESOURCE_HANDLERS["AWS::ApplicationAutoScaling::ScalableTarget"] = _recorded(_target_id)
    _RESOURCE_HANDLERS["AWS::ApplicationAutoScaling::ScalingPolicy"] = _recorded(_policy_id)
    _RESOURCE_HANDLERS["AWS::WAFv2::WebACLAssociation"] = _recorded(_association_id)
    _RESOURCE_HANDLERS["AWS::ApiGateway::RequestValidator"] = VALIDATOR
    _RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = trails.HANDLER


def _recorded(name: Callable[[str, Properties], str]) -> dict[str, Callable]:
    def create(logical_id: str, props: Properties, stack_name: str) -> Created:
        return name(logical_id, props), {}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return name(physical_id, new), {}

    def delete(physical_id: str, props: Properties) -> None:
        return None

    return {"create": create, "update": update, "delete": delete}


def _target_id(_: str, props: Properties) -> str:
    return "|".join(props.get(field, "") for field in ("ResourceId", "ScalableDimension", "ServiceNamespace"))


def _policy_id(logical_id: str, props: Properties) -> str:
    return f"{props.get('PolicyName', logical_id)}|{props.get('ScalingTargetId') or _target_id('', props)}"


def _association_id(_: str, props: Properties) -> str:
    return f"{props.get('WebACLArn', '')}|{props.get('ResourceArn', '')}"


def _create_validator(logical_id: str, props: Properties, stack_name: str) -> Created:
    checks = {
        f"validateRequest{what}": true(props.get(f"ValidateRequest{what}", False)) for what in ("Body", "Parameters")
    }
    named = {"name": props.get("Name", logical_id), **checks}
    made = accepted(apigateway_v1._create_request_validator(props["RestApiId"], named))["id"]
    return made, {"RequestValidatorId": made}


def _update_validator(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
    created = _create_validator(physical_id, new, stack_name)
    _delete_validator(physical_id, old)
    return created


def _delete_validator(physical_id: str, props: Properties) -> None:
    apigateway_v1._delete_request_validator(props["RestApiId"], physical_id)


VALIDATOR = {"create": _create_validator, "update": _update_validator, "delete": _delete_validator}
