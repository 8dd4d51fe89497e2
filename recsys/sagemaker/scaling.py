"""Autoscaling of an endpoint's variant. It is no part of SageMaker, nor of its SDK, but of Application Auto Scaling."""

from typing import Any

from recsys import aws

CALLS_EACH = "SageMakerVariantInvocationsPerInstance"


def autoscale(
    endpoint: str, variant: str, least: int, most: int, calls_per_minute: float, tags: dict[str, str]
) -> dict[str, Any]:
    """Keep a variant at `least` to `most` instances, as many as leave each `calls_per_minute` calls; tells the policy.

    What is there is set anew. Tags are given where the target is made: AWS changes none afterwards.
    """
    scaling = aws.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    known = {"ServiceNamespace": "sagemaker", "ResourceIds": [target["ResourceId"]]}
    new = not aws.call(scaling.describe_scalable_targets, **known)["ScalableTargets"]
    marked = {"Tags": tags} if new else {}
    aws.call(scaling.register_scalable_target, MinCapacity=least, MaxCapacity=most, **target, **marked)
    policy = {
        "TargetValue": calls_per_minute,
        "PredefinedMetricSpecification": {"PredefinedMetricType": CALLS_EACH},
    }
    made = aws.call(
        scaling.put_scaling_policy,
        PolicyName=f"{variant}-calls",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=policy,
        **target,
    )
    return {"policy": made["PolicyARN"], "least": least, "most": most}
