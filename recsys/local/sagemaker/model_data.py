"""Models on disk: what the processes of an endpoint's variants read, fetched from S3."""

import asyncio
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.local.sagemaker import images
from recsys.local.sagemaker.hosting import Variant
from recsys.local.sagemaker.jobs.job import Context
from recsys.local.sagemaker.models import MULTI
from recsys.local.shared.clients import split

Params = dict[str, Any]


async def fetched(context: Context, wanted: Params, folder: Path) -> Variant:
    """A variant to host, its model in `folder`; many models' only once each is called. Raises S3Failed, JobFailed.

    What is in the folder already, from before a start of the server, is not asked for again.
    """
    definition, archive = wanted["container"], folder / f"{wanted['VariantName']}.tar.gz"
    url, fetch, model = definition["ModelDataUrl"], None, archive if archive.exists() else None
    if model is None:
        storage = await context.storage(wanted["role"])
        if definition["Mode"] == MULTI:
            fetch = _fetcher(context, wanted["role"], url, folder / wanted["VariantName"])
        elif url:
            model = await asyncio.to_thread(storage.fetch, *split(url), archive)
    return Variant(
        name=wanted["VariantName"],
        model=model,
        url=url or "",
        environment=definition["Environment"],
        instances=wanted["instances"],
        weight=wanted["weight"],
        startup_seconds=wanted["startup_seconds"],
        fetch=fetch,
        module=images.module("serve"),
    )


def keep_only(folder: Path) -> None:
    """Remove the folders of earlier deployments beside this one, as they are not read again.

    This one is, where more instances are wanted.
    """
    for path in folder.parent.glob("*"):
        if path != folder:
            shutil.rmtree(path, ignore_errors=True)


def _fetcher(context: Context, role: str | None, prefix: str, folder: Path) -> Callable[[str], Any]:
    async def fetch(target: str) -> Path:
        storage = await context.storage(role)
        bucket, key = split(f"{prefix.rstrip('/')}/{target.lstrip('/')}")
        return await asyncio.to_thread(storage.fetch, bucket, key, folder / uuid.uuid4().hex)

    return fetch
