"""A dry run's clients: boto3 as it is, every request built and validated by botocore, none sent.

What a Create would answer is made up from its request, and a later Describe finds it ACTIVE, or not at all once it was
deleted, so that a whole stage can run through its real code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from recsys import aws

ACCOUNT = "123456789012"
READ_ONLY = ("Describe", "List", "Get", "Head")

Answer = tuple[SimpleNamespace, dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """A request that would be sent: `personalize`, `CreateCampaign`, and its parameters."""

    service: str
    operation: str
    parameters: dict[str, Any]

    @property
    def creates(self) -> bool:
        return not self.operation.startswith(READ_ONLY)


class Recorder:
    """Stands between botocore's serializer, which validates, and the wire, which is never reached."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.made: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        self.stack_outputs: dict[str, str] = {}
        self._building: dict[str, Any] = {}

    def attach(self, client: Any) -> None:
        events = client.meta.events
        events.register("before-parameter-build", self._build)
        events.register("before-call", self._answer)

    def _build(self, params: dict[str, Any], **_: Any) -> None:
        self._building = dict(params)

    def _answer(self, model: Any, **_: Any) -> Answer:
        service = model.service_model.service_name
        self.requests.append(Request(service, model.name, self._building))
        special = getattr(self, f"_{service.replace('-', '_')}_{model.name}", self._generic)
        return special(model, self._building)

    def _generic(self, model: Any, request: dict[str, Any]) -> Answer:
        members = model.output_shape.members if model.output_shape else {}
        if model.name.startswith("Create"):
            return _ok(
                {name: self._create(name, request) for name in members if name.endswith("Arn")} | _tracking(members)
            )
        if model.name.startswith("Delete"):
            self.gone |= {value for name, value in request.items() if name.endswith("Arn")}
            return _ok({})
        if not self.gone.isdisjoint(map(str, request.values())):
            return _refuse(400, "ResourceNotFoundException", "deleted")
        if model.name.startswith("Describe"):
            wrapper = next((name for name, shape in members.items() if shape.type_name == "structure"), None)
            if wrapper is None:
                return _ok({})
            made = self.made.get(next(iter(request.values())), {})
            return _ok({wrapper: {**made, **request, "status": "ACTIVE", **_tracking(["trackingId"])}})
        return _ok({})

    def _create(self, member: str, request: dict[str, Any]) -> str:
        kind = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in member.removesuffix("Arn"))
        parent = request.get("solutionArn") or request.get("datasetGroupArn", "")
        name = request.get("name") or request.get("jobName") or f"{parent.rsplit('/', 1)[-1]}/planned"
        kind = kind.replace("solution-version", "solution")
        arn = f"arn:aws:personalize:{aws.region()}:{ACCOUNT}:{kind}/{name}"
        self.made[arn] = {key: value for key, value in request.items() if key != "tags"}
        return arn

    def _s3_HeadObject(self, _: Any, request: dict[str, Any]) -> Answer:
        put = (made.parameters for made in self.requests if made.operation == "PutObject")
        there = any((made["Bucket"], made["Key"]) == (request["Bucket"], request["Key"]) for made in put)
        return _ok({}) if there else _refuse(404, "404", "Not Found")

    def _sts_GetCallerIdentity(self, *_: Any) -> Answer:
        return _ok({"Account": ACCOUNT})

    def _cloudformation_DescribeStacks(self, _: Any, request: dict[str, Any]) -> Answer:
        name = request["StackName"]
        if name not in self.made:
            return _refuse(400, "ValidationError", f"Stack with id {name} does not exist")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.stack_outputs.items()]
        stack = {"StackName": name, "StackId": self.made[name]["StackId"], "StackStatus": self.made[name]["status"]}
        stack |= {"Outputs": outputs, "Parameters": self.made[name]["Parameters"], "CreationTime": datetime.now(UTC)}
        return _ok({"Stacks": [stack]})

    def _cloudformation_CreateStack(self, _: Any, request: dict[str, Any]) -> Answer:
        return self._stack(request, "CREATE_COMPLETE")

    def _cloudformation_UpdateStack(self, _: Any, request: dict[str, Any]) -> Answer:
        return self._stack(request, "UPDATE_COMPLETE")

    def _stack(self, request: dict[str, Any], status: str) -> Answer:
        name = request["StackName"]
        arn = f"arn:aws:cloudformation:{aws.region()}:{ACCOUNT}:stack/{name}/planned"
        before = {entry["ParameterKey"]: entry for entry in self.made.get(name, {}).get("Parameters", [])}
        given = {entry["ParameterKey"]: entry for entry in request.get("Parameters", []) if "ParameterValue" in entry}
        self.made[name] = {"StackId": arn, "status": status, "Parameters": list({**before, **given}.values())}
        return _ok({"StackId": arn})


@contextmanager
def recording() -> Iterator[Recorder]:
    """Within the block every client of `recsys.aws` records and answers by itself; nothing leaves the process."""
    recorder = Recorder()
    aws.client.cache_clear()
    aws.intercept = recorder.attach
    try:
        yield recorder
    finally:
        aws.intercept = None
        aws.client.cache_clear()


def _tracking(members: Any) -> dict[str, str]:
    return {"trackingId": "00000000-0000-4000-8000-000000000000"} if "trackingId" in members else {}


def _ok(body: dict[str, Any]) -> Answer:
    return SimpleNamespace(status_code=200), body


def _refuse(status: int, code: str, message: str) -> Answer:
    return SimpleNamespace(status_code=status), {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}
