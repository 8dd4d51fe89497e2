"""What Application Auto Scaling decides from the calls of each minute, without waiting for the minutes."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.sagemaker.scaling import Scaling, wanted_instances
from recsys.local.shared.store import Store

KEY = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/shop/variant/A",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKED = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


class Shop:
    """An endpoint of one variant on one instance, and what scaling asks for."""

    def __init__(self, store: Store, **tracking: Any) -> None:
        self.control, self.asked = Control(store, "us-east-1", "000000000000"), []
        variants = [{"VariantName": "A", "instances": 1, "weight": 1.0}]
        document = {"EndpointName": "shop", "EndpointStatus": "InService", "_variants": variants}
        self.endpoint = self.control.create(KINDS["Endpoint"], document)
        self.scaling = Scaling(self.control)
        self.scaling.answer("RegisterScalableTarget", {**KEY, "MinCapacity": 1, "MaxCapacity": 4})
        config = {"TargetValue": 100.0, "PredefinedMetricSpecification": TRACKED, **tracking}
        policy = {"PolicyName": "busy", "PolicyType": "TargetTrackingScaling"}
        self.scaling.answer("PutScalingPolicy", {**KEY, **policy, "TargetTrackingScalingPolicyConfiguration": config})

    def minutes(self, *calls: int) -> list[int]:
        """So many calls a minute; the instances asked for."""
        before = len(self.asked)
        for count in calls:
            for _ in range(count):
                self.scaling.count("shop", "A")
            asyncio.run(self.scaling.minute(self._on_record, self._reweigh))
        return self.asked[before:]

    async def _on_record(self, task: Callable[[], Any]) -> Any:
        return task()

    async def _reweigh(self, request: dict[str, Any]) -> None:
        (wanted,) = request["DesiredWeightsAndCapacities"]
        self.asked.append(wanted["DesiredInstanceCount"])
        variants = [{"VariantName": "A", "instances": wanted["DesiredInstanceCount"], "weight": 1.0}]
        self.control.change(self.endpoint.arn, _variants=variants)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "control.sqlite")
    yield made
    made.close()


def test_three_busy_minutes_scale_out_to_what_the_newest_needs(store: Store) -> None:
    shop = Shop(store)
    assert shop.minutes(250, 250, 50) == []  # not three in a row
    assert shop.minutes(250, 250, 260) == [3]
    (activity,) = shop.scaling.answer("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})[
        "ScalingActivities"
    ]
    assert activity["StatusCode"] == "Successful" and "3" in activity["Description"]


def test_it_never_exceeds_the_most(store: Store) -> None:
    assert Shop(store).minutes(5000, 5000, 5000) == [4]


def test_after_scaling_it_waits_for_the_cooldown(store: Store) -> None:
    assert Shop(store).minutes(250, 250, 250, 900, 900, 900) == [3]


def test_without_a_cooldown_it_scales_again_at_once(store: Store) -> None:
    assert Shop(store, ScaleOutCooldown=0).minutes(250, 250, 250, 900, 900, 900)[-1] == 4


def test_fifteen_quiet_minutes_scale_in(store: Store) -> None:
    shop = Shop(store, ScaleOutCooldown=0, ScaleInCooldown=0)
    assert shop.minutes(250, 250, 250) == [3]
    assert shop.minutes(*[10] * 14) == []
    assert shop.minutes(10) == [1]


def test_scaling_in_can_be_forbidden(store: Store) -> None:
    shop = Shop(store, ScaleOutCooldown=0, ScaleInCooldown=0, DisableScaleIn=True)
    assert shop.minutes(250, 250, 250, *[0] * 20) == [3]


def test_a_count_outside_the_limits_is_brought_back() -> None:
    assert wanted_instances([], 6, 100.0, 1, 4) == 4
    assert wanted_instances([], 1, 100.0, 2, 4) == 2
