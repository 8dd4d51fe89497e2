"""S3: an object that is not there, and one that cannot be written.

MiniStack tells a role which may not list a bucket that an object is not there, and answers 200 for an object that it
could not store on a full disk.

missing_objects  403 instead of 404 for a role that may not list the bucket
failed_writes    the reason why the last object could not be stored, for the health report
"""

from recsys.local.aws.s3 import failed_writes, missing_objects


def install() -> None:
    """Look at answers 404 and at writes; in any order."""
    missing_objects.install()
    failed_writes.install()
