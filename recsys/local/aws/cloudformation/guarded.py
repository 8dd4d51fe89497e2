"""What MiniStack's CloudFormation would lose, and AWS's does not.

- A stream or table that exists already is not taken over; MiniStack empties it silently.
- A bucket that holds objects or versions is not deleted; MiniStack drops it with all it holds (and forgets its files,
  so that it comes back after a restart).
"""

from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb, kinesis, s3
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from recsys.local.aws.cloudformation.answers import Created, Properties


def install() -> None:
    """Refuse both."""
    table, stream = _RESOURCE_HANDLERS["AWS::DynamoDB::Table"], _RESOURCE_HANDLERS["AWS::Kinesis::Stream"]
    table["create"] = _new(table["create"], "TableName", dynamodb._tables)
    stream["create"] = _new(stream["create"], "Name", kinesis._streams)
    bucket = _RESOURCE_HANDLERS["AWS::S3::Bucket"]
    bucket["delete"] = _only_empty(bucket["delete"])


def _new(create: Callable[..., Created], field: str, store: Any) -> Callable[..., Created]:
    """MiniStack's takes over what has the name already, and empties it; here the resource fails."""

    def created(logical_id: str, props: Properties, stack_name: str) -> Created:
        if props.get(field) in store:
            raise ValueError(f"{props[field]} already exists")
        return create(logical_id, props, stack_name)

    return created


def _only_empty(delete: Callable[[str, Properties], None]) -> Callable[[str, Properties], None]:
    """MiniStack's deletes a bucket with all it holds, and forgets its files; here only an empty one, files and all."""

    def deleted(physical_id: str, props: Properties) -> None:
        bucket = s3._buckets.get(physical_id) or {}
        versions = any(name == physical_id and kept for (name, _), kept in s3._object_versions.items())
        if bucket.get("objects") or versions:
            raise ValueError(f"The bucket you tried to delete is not empty: {physical_id}; delete all versions first")
        delete(physical_id, props)
        s3._delete_persisted_bucket(physical_id)

    return deleted
