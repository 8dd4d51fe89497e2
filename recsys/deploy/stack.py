"""The CloudFormation stack: created, grown, updated, followed and deleted.

A deployment names only what it changes: every parameter given earlier keeps its value, so that the stack grows from
notebook to notebook. The Lambda zips lie in the stack's own bucket, which the first deployment makes before the
functions that need it.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from recsys import aws
from recsys.deploy import package, probe, template
from recsys.deploy.template import resources as resources
from recsys.errors import AwsError, Refused, TimedOut
from recsys.params import NEVER, command

# These bring what is published; the values that do not.
NEEDS_CODE = {
    **dict.fromkeys(("TrackingId", "CampaignArn", "EndpointName", "RetrainingSchedule"), ""),
    "AuditData": "false",
}
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
NEVER_STOOD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS")
CANCELLED = re.compile(r"Resource (creation|update|deletion) cancelled")
EMBEDDED = re.compile(r"Embedded stack (arn:\S+) was not successfully")  # what is told of a nested stack, and no more

Stack = Mapping[str, Any]
Events = dict[str, dict[str, Any]]
OnEvent = Callable[[str], None]


def deploy(
    stack_name: str,
    parameters: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    on_event: OnEvent | None = None,
    timeout: float = 1800,
) -> dict[str, str]:
    """Create the stack or bring it to these parameters; returns its outputs.

    `parameters` not named keep what an earlier deployment gave them; an empty value takes a part of the stack away.
    `on_event` gets a line whenever resources are done, and one a minute while none is.
    A function that was there before is asked afterwards whether it still works (recsys.deploy.probe).
    Raises AwsError with the first resource that failed, or the function that does not work, and the reason; the stack
    is then as it was before.
    """
    template.check(parameters)
    operation = Operation(stack_name, on_event, timeout)
    stack = operation.settled()
    wanted = {**values_of(stack), **parameters}
    needs_code = any(wanted.get(name, off) != off for name, off in NEEDS_CODE.items())
    if stack is None:
        stack = operation.create({**parameters, **NEEDS_CODE}, tags)
        if not needs_code:
            return outputs(stack)
    if needs_code:
        bucket = wanted.get("CodeBucket") or outputs(stack)["BucketName"]
        parameters = {**package.publish(bucket), **parameters}
    body = operation.body()
    updated = operation.update(stack, parameters, tags)
    if updated is not stack and (fault := probe.fault(outputs(stack), outputs(updated))):
        operation.tell(f"stack {stack_name}: {fault}; going back to what worked")
        operation.restore(stack, body)
        raise AwsError(f"stack {stack_name} was updated and is back as it was before: {fault}")
    return outputs(updated)


def delete(stack_name: str, *, on_event: OnEvent | None = None, timeout: float = 1800) -> None:
    """Delete the stack and wait until it is gone. Raises AwsError with the first resource that could not be deleted."""
    Operation(stack_name, on_event, timeout).delete()


def describe(name: str) -> dict[str, Any] | None:
    """The stack of that name or id, or None."""
    try:
        return aws.call(aws.client("cloudformation").describe_stacks, StackName=name)["Stacks"][0]
    except Refused as error:
        if error.code == "ValidationError" and "does not exist" in str(error):
            return None
        raise


def outputs(stack: Stack) -> dict[str, str]:
    """Output values by name, of a described stack."""
    return {entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", [])}


def values_of(stack: Stack | None) -> dict[str, str]:
    """Parameter values by name, of a described stack; none of a stack that is not there."""
    entries = (stack or {}).get("Parameters", [])
    return {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in entries}


def physical_id(name: str, logical: str) -> str:
    """What its service calls a resource of the stack."""
    ask = aws.client("cloudformation").describe_stack_resource
    return aws.call(ask, StackName=name, LogicalResourceId=logical)["StackResourceDetail"]["PhysicalResourceId"]


def api_function(name: str) -> str:
    """The function behind the API of the stack of that name. Raises AwsError where there is no API."""
    stack = describe(name)
    function = outputs(stack).get("RecommendationApiFunctionName") if stack else None
    if function is None:
        raise AwsError(f"stack {name} has no API that could run an experiment; {command('recsys run')} deploys one")
    return function


class Operation:
    """What is done to one stack, followed to its end."""

    def __init__(self, name: str, on_event: OnEvent | None, timeout: float) -> None:
        self.name, self.tell, self.timeout = name, on_event or (lambda line: None), timeout
        self.cloudformation = aws.client("cloudformation")

    def settled(self) -> Stack | None:
        """The stack as it stands, once nobody else works on it; None where there is none.

        One that never stood is deleted: CloudFormation lets nothing else be done with it.
        """
        stack = describe(self.name)
        if stack and stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] not in NEVER_STOOD:
            stack = self._follow(stack["StackId"], self._events(stack["StackId"]))
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            return None
        if stack["StackStatus"] in NEVER_STOOD:
            self.tell(f"stack {self.name}: {stack['StackStatus']}, it never stood; deleting it to start afresh")
            self.delete()
            return None
        if stack["StackStatus"] not in SETTLED:
            raise AwsError(
                f"stack {self.name} is {stack['StackStatus']} ({stack.get('StackStatusReason', 'no reason given')}): "
                f"see its events; `aws cloudformation continue-update-rollback --stack-name {self.name}` or "
                f"`{command('recsys destroy')}` gets it unstuck"
            )
        return stack

    def create(self, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> Stack:
        request = {"Parameters": _given(parameters), "Tags": aws.tags(dict(tags), lower=False)}
        aws.call(self.cloudformation.create_stack, **self._request(template.body(parameters)), **request)
        return self._expect("CREATE_COMPLETE", self._follow(self.name, {}), {})

    def update(self, stack: Stack, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> Stack:
        keep = sorted((values_of(stack).keys() & template.parameters()) - parameters.keys())
        kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in keep]
        request = {"Parameters": [*_given(parameters), *kept], "Tags": _tags(stack, tags)}
        before, body = self._events(self.name), template.body({**values_of(stack), **parameters})
        try:
            aws.call(self.cloudformation.update_stack, **self._request(body), **request)
        except Refused as error:
            if "No updates are to be performed" not in str(error):
                raise
            self.tell(f"stack {self.name}: unchanged")
            return stack
        return self._expect("UPDATE_COMPLETE", self._follow(self.name, before), before)

    def body(self) -> str:
        """The template as it was last deployed."""
        body = aws.call(self.cloudformation.get_template, StackName=self.name).get("TemplateBody", "")
        return body if isinstance(body, str) else json.dumps(body)  # boto3 parses one that is JSON

    def restore(self, stack: Stack, body: str) -> None:
        """Bring the stack back to an earlier description of it and its template."""
        before = self._events(self.name)
        earlier = {"Parameters": _given(values_of(stack)), "Tags": stack.get("Tags", [])}
        aws.call(self.cloudformation.update_stack, **self._request(body), **earlier)
        self._expect("UPDATE_COMPLETE", self._follow(self.name, before), before)

    def delete(self) -> None:
        stack = describe(self.name)
        if stack is None:
            return
        arn = stack["StackId"]  # a deleted stack is found by its id only
        before = self._events(arn)
        aws.call(self.cloudformation.delete_stack, StackName=arn)
        if (deleted := self._follow(arn, before)) is not None:
            self._expect("DELETE_COMPLETE", deleted, before)

    def _request(self, body: str) -> dict[str, Any]:
        return {"StackName": self.name, "TemplateBody": body, "Capabilities": ["CAPABILITY_IAM"]}

    def _follow(self, stack_id: str, before: Events) -> Stack | None:
        """The stack once nothing is in progress; what is done beyond `before` is told on the way."""
        started = told = time.monotonic()
        done = len(_done(before))
        look = aws.patiently(lambda: (describe(stack_id), _done(self._events(stack_id))))
        stack, finished = look()
        while stack and stack["StackStatus"].endswith("_IN_PROGRESS"):
            waited = time.monotonic() - started
            if len(finished) > done or time.monotonic() - told >= 60:
                fresh = len(finished) - len(_done(before))
                last = f", {fresh} resources done, last {finished[-1]}" if fresh else ""
                self.tell(f"stack {self.name}: {stack['StackStatus']} for {waited:.0f} s{last}")
                done, told = len(finished), time.monotonic()
            if waited > self.timeout:
                raise TimedOut(f"stack {self.name} is still {stack['StackStatus']} after {waited:.0f} s")
            time.sleep(min(5.0, max(0.05, waited / 10)))
            stack, finished = look() or (stack, finished)
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        self.tell(f"stack {self.name}: {status} after {time.monotonic() - started:.1f} s")
        return stack

    def _events(self, stack_id: str) -> Events:
        """The stack's events by id, oldest first."""
        try:
            events = list(aws.pages("cloudformation", "describe_stack_events", "StackEvents", StackName=stack_id))
        except Refused:
            return {}  # gone, with its events
        return {event["EventId"]: event for event in reversed(events)}

    def _expect(self, status: str, stack: Stack | None, before: Events) -> Stack:
        """The stack, if it came to `status`; else AwsError with the first failure among the events not in `before`."""
        if stack and stack["StackStatus"] == status:
            return stack
        found = stack["StackStatus"] if stack else "gone"
        events = self._events(stack["StackId"] if stack else self.name)
        failure = self._failure([event for key, event in events.items() if key not in before])
        if failure:
            raise AwsError(f"stack {self.name} is {found}: {failure}")
        raise AwsError(f"stack {self.name} is {found}, not {status}: {(stack or {}).get('StackStatusReason', '')}")

    def _failure(self, events: list[dict[str, Any]]) -> str | None:
        """The first failure among events, and its reason; of a nested stack that inside, as its parent knows none."""
        for event in events:
            reason = event.get("ResourceStatusReason", "no reason given")
            if event["ResourceStatus"].endswith("_FAILED") and not CANCELLED.search(reason):
                what = f"{event['LogicalResourceId']} ({event['ResourceType']})"
                inner = self._failure(self._inside(reason, events[0]["Timestamp"]))
                return f"{what}: {inner}" if inner else f"{what} failed: {reason}"
        return None

    def _inside(self, reason: str, since: datetime) -> list[dict[str, Any]]:
        """What happened since then in the nested stack that a reason names; nothing where it names none."""
        named = EMBEDDED.search(reason)
        events = self._events(named[1]).values() if named else ()
        return [event for event in events if event["Timestamp"] >= since]


def _done(events: Events) -> list[str]:
    """Logical ids of the resources that came to an end, oldest first."""
    ended = [event for event in events.values() if not event["ResourceStatus"].endswith("_IN_PROGRESS")]
    return [event["LogicalResourceId"] for event in ended]


def _given(parameters: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in sorted(parameters.items())]


def _tags(stack: Stack, tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The tags of an update, which touches every resource where one differs.

    So `run` stays the run that created the stack, and the days until `expiry` are counted from its creation on.
    """
    kept = {entry["Key"]: entry["Value"] for entry in stack.get("Tags", []) if entry["Key"] == "run"}
    if tags.get("expiry", NEVER) != NEVER:
        age = datetime.now(UTC).date() - stack["CreationTime"].date()
        kept["expiry"] = str(date.fromisoformat(tags["expiry"]) - age)
    return aws.tags({**tags, **kept}, lower=False)
