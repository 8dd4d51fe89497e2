"""Application Auto Scaling for endpoints' variants: targets and target tracking policies, and what they do.

As AWS's alarms do it, minute by minute: three minutes in a row above the target scale out to what the newest of them
needs, fifteen below nine tenths of it scale in, each after its cooldown. The metric is
SageMakerVariantInvocationsPerInstance. Other services' targets are not known here.
"""

import asyncio
import logging
import math
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.shared.errors import ServiceError, broken
from recsys.local.shared.store import Resource

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"
TARGET, POLICY, ACTIVITY = "ScalableTarget", "ScalingPolicy", "ScalingActivity"
OUT_MINUTES, IN_MINUTES = 3, 15
IN_SHARE = 0.9  # of the target: what is below it for long scales in
COOLDOWN = 300  # seconds, where a policy does not say
MINUTE = 60.0

Params = dict[str, Any]
Reweigh = Callable[[Params], Awaitable[Any]]

log = logging.getLogger(__name__)


def wanted_instances(minutes: Sequence[int], instances: int, target: float, least: int, most: int) -> int:
    """How many instances a variant should have. minutes: invocations of all of them in each minute, the newest last.

    >>> wanted_instances([500, 600, 900], 1, 300, 1, 4), wanted_instances([900, 200, 900], 1, 300, 1, 4)
    (3, 1)
    >>> wanted_instances([100] * 15, 3, 300, 1, 4), wanted_instances([100] * 14, 3, 300, 1, 4)
    (1, 3)
    """
    recent = [count / max(1, instances) for count in minutes]
    needed = math.ceil(minutes[-1] / target) if minutes else instances
    if len(recent) >= OUT_MINUTES and min(recent[-OUT_MINUTES:]) > target:
        return min(most, max(instances, needed))
    if len(recent) >= IN_MINUTES and max(recent[-IN_MINUTES:]) < IN_SHARE * target:
        return max(least, min(instances, math.ceil(max(minutes[-IN_MINUTES:]) / target)))
    return min(most, max(least, instances))


class Scaling:
    """Targets, policies and activities in the control plane's store; `run` acts on them."""

    def __init__(self, control: Control) -> None:
        self._control, self._store = control, control.store
        self._now: Counter[tuple[str, str]] = Counter()
        self._minutes: dict[tuple[str, str], deque[int]] = defaultdict(lambda: deque(maxlen=IN_MINUTES))

    def count(self, endpoint: str, variant: str) -> None:
        """One invocation."""
        self._now[endpoint, variant] += 1

    def answer(self, operation: str, params: Params) -> Params:
        """Answer a request, on the records' thread. Raises ServiceError."""
        if params["ServiceNamespace"] != NAMESPACE:
            raise unsupported(f"Application Auto Scaling of {params['ServiceNamespace']}")
        if params.get("ScalableDimension", DIMENSION) != DIMENSION:
            raise unsupported(f"the scalable dimension {params['ScalableDimension']}")
        handler = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": lambda asked: self._listed("ScalableTargets", TARGET, asked, "ResourceIds"),
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": lambda asked: self._listed("ScalingPolicies", POLICY, asked, "PolicyNames"),
            "DescribeScalingActivities": lambda asked: self._listed("ScalingActivities", ACTIVITY, asked),
        }.get(operation)
        if handler is None:
            raise unsupported(operation)
        with self._store.transaction():
            return handler(params)

    async def run(self, on_record: Callable[[Callable[[], Any]], Awaitable[Any]], reweigh: Reweigh) -> None:
        """Every minute, for ever."""
        while True:
            await asyncio.sleep(MINUTE)
            try:
                await self.minute(on_record, reweigh)
            except Exception:
                log.exception("scaling")

    async def minute(self, on_record: Callable[[Callable[[], Any]], Awaitable[Any]], reweigh: Reweigh) -> None:
        """End a minute, and scale what is due."""
        counted, self._now = self._now, Counter()  # also of variants that nobody scales
        for target in await on_record(lambda: self._store.find(TARGET)):
            place = _place(target.document["ResourceId"])
            self._minutes[place].append(counted[place])
            decision = await on_record(lambda target=target: self._decision(target))
            if decision:
                try:
                    await reweigh(decision)
                except ServiceError as error:  # the others are scaled all the same
                    log.warning("scaling %s: %s", target.document["ResourceId"], error)

    def _decision(self, target: Resource) -> Params | None:
        """The request that scales a target's variant; None where nothing is to be done."""
        document = target.document
        endpoint, variant = _place(document["ResourceId"])
        record = self._store.get(self._control.arn(KINDS["Endpoint"], endpoint))
        policies = self._store.find(POLICY, ResourceId=document["ResourceId"])
        variants = {each["VariantName"]: each for each in record.document.get("_variants", ())} if record else {}
        if not policies or variant not in variants or record.document["EndpointStatus"] != "InService":
            return None
        has, chosen = variants[variant]["instances"], policies[0].document["TargetTrackingScalingPolicyConfiguration"]
        limits = document["MinCapacity"], document["MaxCapacity"]
        wants = wanted_instances(list(self._minutes[endpoint, variant]), has, chosen["TargetValue"], *limits)
        if wants < has and chosen.get("DisableScaleIn"):
            return None
        cooldown = chosen.get("ScaleOutCooldown" if wants > has else "ScaleInCooldown", COOLDOWN)
        if wants == has or time.time() - document.get("_scaled", 0.0) < cooldown:
            return None
        document["_scaled"] = time.time()
        with self._store.transaction():
            self._store.save(target)
            self._note(document, has, wants)
        weighed = {"VariantName": variant, "DesiredInstanceCount": wants}
        return {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [weighed]}

    def _note(self, document: Params, has: int, wants: int) -> None:
        now = time.time()
        activity = {
            **_key(document),
            "ActivityId": str(uuid.uuid4()),
            "Description": f"Setting desired instance count to {wants}.",
            "Cause": f"monitor alarm of {METRIC} was triggered by policy; {has} instances before",
            "StartTime": now,
            "EndTime": now,
            "StatusCode": "Successful",
            "StatusMessage": f"Successfully set desired instance count to {wants}.",
        }
        self._store.add(Resource(f"{ACTIVITY}/{activity['ActivityId']}", ACTIVITY, activity))

    def _register(self, params: Params) -> Params:
        endpoint, variant = _place(params["ResourceId"])
        record = self._store.get(self._control.arn(KINDS["Endpoint"], endpoint))
        if record is None or variant not in [each["VariantName"] for each in record.document.get("_variants", ())]:
            raise broken(f"No variant found for resource ID: {params['ResourceId']}")
        key = f"{TARGET}/{params['ResourceId']}"
        old = self._store.get(key)
        given = {name: value for name, value in params.items() if name != "Tags"}
        document = {**(old.document if old else {"CreationTime": time.time()}), **given}
        if "MinCapacity" not in document or "MaxCapacity" not in document:
            raise broken("MinCapacity and MaxCapacity must be given for a new scalable target")
        if document["MinCapacity"] > document["MaxCapacity"]:
            raise broken("Minimum capacity cannot be greater than maximum capacity")
        digest = uuid.uuid5(uuid.NAMESPACE_URL, key).hex[:17]
        region, account = self._control.region, self._control.account
        arn = f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/0ec5{digest}"
        document["ScalableTargetARN"] = arn
        self._store.remove(key)
        self._store.add(Resource(key, TARGET, document))
        self._store.tag(arn, params.get("Tags", {}))
        return document

    def _deregister(self, params: Params) -> Params:
        key = f"{TARGET}/{params['ResourceId']}"
        if (target := self._store.get(key)) is None:
            raise _unknown("scalable target", params)
        self._store.remove(target.document["ScalableTargetARN"])  # its tags
        for policy in self._store.find(POLICY, ResourceId=params["ResourceId"]):
            self._store.remove(policy.arn)
        self._store.remove(key)
        return {}

    def _put_policy(self, params: Params) -> Params:
        if params.get("PolicyType", "") != "TargetTrackingScaling":
            raise unsupported("a scaling policy other than TargetTrackingScaling")
        config = params.get("TargetTrackingScalingPolicyConfiguration", {})
        if config.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType") != METRIC:
            raise unsupported(f"target tracking of another metric than {METRIC}")
        if not config["TargetValue"] > 0:
            raise broken("TargetValue must be greater than 0")
        if self._store.get(f"{TARGET}/{params['ResourceId']}") is None:
            raise _unknown("scalable target", params)
        key = f"{POLICY}/{params['ResourceId']}/{params['PolicyName']}"
        place = f"resource/{NAMESPACE}/{params['ResourceId']}:policyName/{params['PolicyName']}"
        arn = f"arn:aws:autoscaling:{self._control.region}:{self._control.account}:scalingPolicy:{uuid.uuid4()}:{place}"
        old = self._store.get(key)
        document = {"PolicyARN": arn, "CreationTime": time.time(), **(old.document if old else {}), **params}
        self._store.remove(key)
        self._store.add(Resource(key, POLICY, document))
        return {**document, "Alarms": []}

    def _delete_policy(self, params: Params) -> Params:
        key = f"{POLICY}/{params['ResourceId']}/{params['PolicyName']}"
        if self._store.get(key) is None:
            raise _unknown("scaling policy", params)
        self._store.remove(key)
        return {}

    def _listed(self, name: str, kind: str, params: Params, member: str = "") -> Params:
        by, resource = "PolicyName" if member == "PolicyNames" else "ResourceId", params.get("ResourceId")
        found = [each.document for each in self._store.find(kind)]
        wanted = [each for each in found if not params.get(member) or each[by] in params[member]]
        return {name: [each for each in wanted if resource in (None, each["ResourceId"])]}


def _place(resource: str) -> tuple[str, str]:
    """Endpoint and variant of endpoint/NAME/variant/VARIANT. Raises ValidationException."""
    parts = resource.split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant"):
        raise broken(f"Unsupported service namespace, resource type or scalable dimension: {resource}")
    return parts[1], parts[3]


def _key(document: Params) -> Params:
    return {name: document[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}


def _unknown(what: str, params: Params) -> ServiceError:
    place = f"service namespace: {NAMESPACE}, resource ID: {params['ResourceId']}, scalable dimension: {DIMENSION}"
    return ServiceError("ObjectNotFoundException", f"No {what} found for {place}")
