"""Folders from S3 and back, as the job's role."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.shared.clients import client, split

TRANSFER = TransferConfig(max_concurrency=4)


class S3Failed(Exception):
    """Why S3 could not be read or written, in a sentence."""


class Storage:
    """S3 by whole addresses, s3://bucket/key. `spec` says where it answers and with whose keys (shared/clients.py)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self._s3 = spec, client("s3", spec)

    def below(self, uri: str) -> list[tuple[str, str]]:
        """Bucket and key of all objects that begin like `uri`, but for those that stand for folders.

        Raises S3Failed where there is none.
        """
        bucket, prefix = split(uri)
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [(bucket, entry["Key"]) for page in pages for entry in page.get("Contents", [])]
        except (ClientError, BotoCoreError) as error:
            raise S3Failed(f"Unable to list the objects under {uri}: {error}") from error
        found = [each for each in found if not each[1].endswith("/")]
        if not found:
            raise S3Failed(f'No S3 objects found under S3 URL "{uri}"')
        return found

    def download(self, uri: str, folder: Path) -> list[Path]:
        """Every object under a prefix, or the one, into `folder` under what its key has beyond the prefix's folder."""
        _, prefix = split(uri)
        base = prefix if prefix.endswith("/") or not prefix else prefix.rpartition("/")[0] + "/"
        found = self.below(uri)
        if prefix and not prefix.endswith("/") and all(key.startswith(f"{prefix}/") for _, key in found):
            base = f"{prefix}/"
        return [self.fetch(bucket, key, _within(folder, key.removeprefix(base.lstrip("/")))) for bucket, key in found]

    def fetch(self, bucket: str, key: str, path: Path) -> Path:
        """One object to `path`. Raises S3Failed."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._s3.download_file(bucket, key, str(path), Config=TRANSFER)
        except (ClientError, BotoCoreError, OSError) as error:
            raise S3Failed(f"Unable to download s3://{bucket}/{key}: {error}") from error
        return path

    def put(self, path: Path, uri: str) -> None:
        """One file. Raises S3Failed."""
        bucket, key = split(uri)
        try:
            self._s3.upload_file(str(path), bucket, key, Config=TRANSFER)
        except Exception as error:  # boto3 wraps what went wrong in classes of its own
            raise S3Failed(f"Unable to upload to {uri}: {error}") from error

    def upload(self, folder: Path, uri: str) -> None:
        """Every file of a folder, under its path in it. Raises S3Failed."""
        for path in files(folder):
            self.put(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}")


def files(folder: Path) -> Iterable[Path]:
    """All files in a folder and its folders, in order."""
    return sorted(Path(root) / name for root, _, names in os.walk(folder) for name in names)


def _within(folder: Path, name: str) -> Path:
    """The path of a key's rest in a folder. Raises S3Failed where it would lie outside: keys are anybody's."""
    if ".." in name.split("/"):
        raise S3Failed(f"The key {name} cannot be a path in a folder")
    return folder / name.lstrip("/")
