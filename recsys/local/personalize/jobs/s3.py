"""Amazon S3 as a job sees it: what lies at a path, read and written, and refusals in Personalize's words.

Paths are whole: `s3://bucket/key`. A job's `spec` says where S3 answers: its "endpoint" (None: AWS) and "region"; and
with whose "keys" it is asked, those of the job's role (roles.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from recsys.local.shared.clients import client, split

NO_ACCESS = "Insufficient privileges for accessing data in Amazon S3."  # of what is missing, too, as S3 itself says 403


class JobFailed(Exception):
    """Why a job fails, as its failureReason says it."""


class Storage:
    """The objects of S3. Raises JobFailed where S3 says no or does not answer."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._client = client("s3", spec)

    def below(self, prefix: str) -> dict[str, int]:
        """Paths of all objects that begin like `prefix`, in S3's order, and their bytes."""
        bucket, key = split(prefix)
        with _asking():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            return {
                f"s3://{bucket}/{entry['Key']}": entry["Size"] for page in pages for entry in page.get("Contents", [])
            }

    def files(self, path: str, deep: bool = False) -> list[str]:
        """The object at `path`; else the CSV files of that folder, or all its files where none is called .csv.

        `deep`: those of its sub-folders as well. Empty objects of a folder, which stand for folders, are left out.
        """
        found = self.below(path)
        if path in found and not path.endswith("/"):
            return [path]
        folder = path.rstrip("/") + "/"
        inside = [name for name, size in found.items() if size and name.startswith(folder)]
        inside = [name for name in inside if deep or "/" not in name.removeprefix(folder)]
        return [name for name in inside if name.lower().endswith(".csv")] or inside

    def read(self, path: str) -> bytes:
        bucket, key = split(path)
        with _asking():
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, path: str, body: bytes) -> None:
        bucket, key = split(path)
        with _asking():
            self._client.put_object(Bucket=bucket, Key=key, Body=body)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (ClientError, ParamValidationError) as error:
        raise JobFailed(f"{NO_ACCESS} ({error})") from error
    except BotoCoreError as error:
        raise JobFailed(f"Amazon S3 could not be reached. ({error})") from error
