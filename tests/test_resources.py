"""Whether what a run recorded still stands."""

from typing import Any

import pytest

from recsys import aws, resources


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize(
    "gone",
    [
        "personalize:us-east-1:000000000000:campaign/gone",
        "personalize:us-east-1:000000000000:solution/gone/1a2b",
        "personalize:us-east-1:000000000000:event-tracker/gone",
        "sagemaker:us-east-1:000000000000:endpoint/gone",
        "cloudformation:us-east-1:000000000000:stack/gone/1",
    ],
)
def test_what_is_gone_does_not_stand_in_any_partition(embedded: Any, partition: str, gone: str) -> None:
    aws.client.cache_clear()
    assert not resources.exists(f"arn:{partition}:{gone}")


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:1/dev", "a-bucket", "arn:aws:personalize:us-east-1:0:dataset-import-job/j"]
)
def test_names_addresses_and_jobs_are_not_asked_for(name: str) -> None:
    assert resources.exists(name)
