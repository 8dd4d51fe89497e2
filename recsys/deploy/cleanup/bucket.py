"""A bucket's objects: AWS deletes no bucket that holds any, nor an old version of one."""

from collections.abc import Iterator

from recsys import aws
from recsys.errors import AwsError

OBJECTS_AT_ONCE = 1000  # DeleteObjects takes at most 1,000 keys


def versions(bucket: str) -> Iterator[dict[str, str]]:
    """Every version and delete marker, as DeleteObjects wants them."""
    for listing in ("Versions", "DeleteMarkers"):
        for entry in aws.pages("s3", "list_object_versions", listing, Bucket=bucket):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def empty(bucket: str) -> int:
    """Delete them all; returns how many there were. Raises AwsError where S3 keeps one, with its reason."""
    entries = list(versions(bucket))
    for begin in range(0, len(entries), OBJECTS_AT_ONCE):
        request = {"Objects": entries[begin : begin + OBJECTS_AT_ONCE], "Quiet": True}
        kept = aws.call(aws.client("s3").delete_objects, Bucket=bucket, Delete=request).get("Errors", [])
        if kept:
            first = f"{kept[0].get('Key')}: {kept[0].get('Code')}: {kept[0].get('Message')}"
            raise AwsError(f"s3://{bucket} keeps {len(kept)} objects, such as {first}")
    return len(entries)
