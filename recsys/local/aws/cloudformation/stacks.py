"""How stacks are read, changed and told of.

- A template is read by libyaml: MiniStack's own takes ten times as long, and nobody is answered meanwhile.
- The stack's tags reach its bucket, trail, dashboard, rules and event source mappings too; MiniStack gives them to the
  rest.
- What stays as it is in an updated nested stack keeps its attributes, which others refer to; MiniStack loses them.
- A nested stack is told with its parent and its root, which MiniStack knows and keeps to itself. What failed in it
  stands among its own events; the parent is told of nothing but the name.
- An output with an API's amazonaws.com address is shown with the address that answers here.
- Who changes a stack is answered once it is changed, as nested stacks take part of a second: `aws cloudformation
  deploy`, `wait` and their like, who see it in progress, look again after half a minute.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import yaml
from ministack.services import apigateway_v1, cloudformation
from ministack.services.cloudformation import _stack_events, _stacks, engine, handlers, provisioners
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS, _STACK_TAG_PROPERTY

from recsys.local.aws.cloudformation.answers import Created, Properties
from recsys.local.aws.state import changed_stacks

TAGGED = ("S3::Bucket", "CloudTrail::Trail", "CloudWatch::Dashboard", "Events::Rule", "Lambda::EventSourceMapping")
SOON = 5.0  # seconds; what takes longer, as a custom resource may, is asked for as on AWS
TOLD = {
    "create": "Embedded stack {} was not successfully created: ",
    "update": "Embedded stack {} was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: ",
}
API_ADDRESS = re.compile(r"https://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/([A-Za-z0-9_-]+)")


def install(endpoint: str) -> None:
    """Read, tag and update stacks in this way, and show what is at `endpoint`."""
    engine.CfnLoader = type("CfnLoader", (yaml.CSafeLoader,), {"yaml_constructors": engine.CfnLoader.yaml_constructors})
    _STACK_TAG_PROPERTY.update({f"AWS::{kind}": ("Tags", "list") for kind in TAGGED})
    provisioners._update_resource = _keeping_attributes(provisioners._update_resource)
    nested = _RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    nested["create"], nested["update"] = (_with_own_events(nested[step], step) for step in ("create", "update"))
    for action in ("DescribeStacks", "ListExports"):
        handlers._ACTION_HANDLERS[action] = _with_local_addresses(handlers._ACTION_HANDLERS[action], endpoint)
    handlers._ACTION_HANDLERS["DescribeStacks"] = _with_parents(handlers._ACTION_HANDLERS["DescribeStacks"])
    cloudformation.handle_request = _once_changed(cloudformation.handle_request)


def _once_changed(handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """MiniStack's answers at once; here it is answered when the stack is changed, or after a while."""

    async def answered(*request: Any) -> Any:
        before = asyncio.all_tasks()
        answer = await handle(*request)
        begun = asyncio.all_tasks() - before  # its own, as a handler waits for nothing
        changed_stacks.note(begun)
        if begun:
            await asyncio.wait(begun, timeout=SOON)
        return answer

    return answered


def _keeping_attributes(update: Callable[..., Created]) -> Callable[..., Created]:
    """MiniStack's knows no attributes of a nested stack's resources; here those that the stack has are handed on."""

    def updated(
        kind: str,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack_name: str,
        logical_id: str | None = None,
        attributes: Properties | None = None,
    ) -> Created:
        if attributes is None:
            before = _stacks.get(stack_name, {}).get("_resources", {}).get(logical_id, {})
            attributes = before.get("Attributes")
        return update(kind, physical_id, old, new, stack_name, logical_id, attributes)

    return updated


def _with_own_events(handle: Callable[..., Created], step: str) -> Callable[..., Created]:
    """MiniStack's hands the reason in a nested stack to its parent; AWS's parent is told which resources failed."""

    def handled(subject: str, *rest: Any) -> Created:
        known = set(_stacks)
        try:
            return handle(subject, *rest)
        except Exception as error:
            failed = [each for name, each in _stacks.items() if subject == each["StackId"] or name not in known]
            if not failed:
                raise  # before there was a nested stack
            number = failed[0]["StackId"]
            events = [each for each in _stack_events[number] if each["ResourceStatus"] == f"{step.upper()}_FAILED"]
            names = dict.fromkeys(each["LogicalResourceId"] for each in events[-1:])
            reason = f"The following resource(s) failed to {step}: [{', '.join(names)}]. "
            raise ValueError(TOLD[step].format(number) + reason) from error

    return handled


def _with_parents(describe: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    """MiniStack's leaves out ParentId and RootId; here they stand behind the id of a nested stack, as AWS has them."""

    def described(params: dict) -> tuple:
        status, headers, body = describe(params)
        text = body.decode()
        parents = {each["StackId"]: each["ParentId"] for each in _stacks.values() if each.get("ParentId")}
        for nested, parent in parents.items():
            root = parent
            while root in parents:
                root = parents[root]
            told = f"<StackId>{nested}</StackId>"
            text = text.replace(told, f"{told}<ParentId>{parent}</ParentId><RootId>{root}</RootId>")
        return status, headers, text.encode()

    return described


def _with_local_addresses(describe: Callable[[dict], tuple], endpoint: str) -> Callable[[dict], tuple]:
    """MiniStack's tells AWS's address of an API; here it is the one that answers."""

    def described(params: dict) -> tuple:
        status, headers, body = describe(params)
        text = body.decode() if isinstance(body, bytes) else body
        return status, headers, API_ADDRESS.sub(lambda found: _local(found, endpoint), text).encode()

    return described


def _local(found: re.Match[str], endpoint: str) -> str:
    api_id, stage = found.groups()
    known = any(key == api_id for _, _, key in apigateway_v1._rest_apis._data)
    return f"{endpoint}/restapis/{api_id}/{stage}/_user_request_" if known else found[0]
