"""Sessions, clients, waiting and describe-or-create: the thin layer between a stage and boto3.

Every client is plain boto3. Where it talks to is decided by the environment alone: with `AWS_ENDPOINT_URL` set, to what
answers there; else to AWS. `connect` puts a params file's choice into the environment, once, for this process and the
programs it starts.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from recsys.errors import AwsError, Refused, TimedOut
from recsys.http import LOOPBACK, past_proxies

MISSING = ("ResourceNotFoundException", "404", "NoSuchBucket", "NotFoundException")
MISSING_TEXT = re.compile("could not find|not found|does not exist", re.IGNORECASE)
BUSY = re.compile("Throttl|TooMany|LimitExceeded")  # in a code that comes with another status than 429
AWAY = 180.0  # seconds for which what is waited for may give no answer: a network that comes back ends no run of hours

Describe = Callable[[], dict[str, Any]]
Report = Callable[[str], None]


def connect(region: str | None, url: str | None = None) -> None:
    """Choose region and endpoint for every client made from now on.

    An endpoint on loopback needs no account: placeholder credentials are set for it, and only for it; and no proxy is
    asked for it. Without an endpoint a leftover `AWS_ENDPOINT_URL` is removed, and so is a single service's on
    loopback, so that a params file for AWS never talks to anything else.
    """
    if region:
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = region
    if url:
        os.environ["AWS_ENDPOINT_URL"] = url
        if on_loopback(url):
            os.environ.update(local_credentials() | past_proxies())
    else:
        for name in ("AWS_ENDPOINT_URL", *(each for each, there in service_endpoints().items() if on_loopback(there))):
            os.environ.pop(name, None)
    client.cache_clear()


def local_credentials() -> dict[str, str]:
    """Placeholder credentials: the embedded AWS reads the account number from the key and checks nothing else."""
    return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def endpoint() -> str | None:
    """The URL in AWS's place, or None for AWS itself."""
    return os.environ.get("AWS_ENDPOINT_URL")


def service_endpoints() -> dict[str, str]:
    """The environment's addresses of single services, such as AWS_ENDPOINT_URL_S3: each goes before all others."""
    return {name: url for name, url in sorted(os.environ.items()) if name.startswith("AWS_ENDPOINT_URL_")}


def on_loopback(url: str) -> bool:
    """Whether an address is of this machine alone."""
    return urlsplit(url).hostname in LOOPBACK


_making = threading.Lock()  # a session makes one client at a time
intercept: Callable[[Any], None] | None = None  # a dry run sees every new client through this; see recsys.dry


@lru_cache(maxsize=64)
def client(service: str, patience: int | None = None) -> Any:
    """A boto3 client for `service`; one per process and service. Raises AwsError without a region or credentials.

    With `patience` its calls are made once and waited for so many seconds: those that a repetition would begin anew.
    """
    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5, max_pool_connections=32)
    if patience:
        config = config.merge(Config(read_timeout=patience, retries={"total_max_attempts": 1}, tcp_keepalive=True))
    if intercept is not None:
        planned = boto3.client(service, config=config, aws_access_key_id="planned", aws_secret_access_key="planned")
        intercept(planned)
        return planned
    with _making, readable():
        session = _session()
        if session.get_credentials() is None:
            raise NoCredentialsError()
        return session.client(service, config=config)


def _session() -> boto3.Session:
    """The one session of this environment: with one for each, clients take six times as long to make."""
    return _session_in(tuple(sorted(each for each in os.environ.items() if each[0].startswith("AWS_"))))


@lru_cache(maxsize=1)
def _session_in(_environment: tuple[tuple[str, str], ...]) -> boto3.Session:
    return boto3.Session()


def address(service: str) -> str:
    """The URL at which a service is called. Raises AwsError without a region."""
    with _making, readable():
        nobody = _session().client(service, aws_access_key_id="nobody", aws_secret_access_key="nobody")
    return nobody.meta.endpoint_url


def account_id() -> str:
    """The twelve-digit account the credentials belong to. Raises AwsError where they are missing or refused."""
    return call(client("sts").get_caller_identity)["Account"]


def region() -> str:
    """The region of this process's clients. Raises AwsError where none is set."""
    with _making, readable():
        name = _session().region_name
        if not name:
            raise NoRegionError()
    return name


def call(operation: Callable[..., dict[str, Any]], **request: Any) -> dict[str, Any]:
    """`operation(**request)`, its failures turned into one readable line, as `readable` does."""
    with readable():
        return operation(**request)


@contextmanager
def readable() -> Iterator[None]:
    """The block's failures as one readable line each.

    Raises Refused with AWS's error code where the service said no, AwsError where it could not be asked.
    """
    try:
        yield
    except ClientError as error:
        raise refused(error) from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an address that is none
        _session_in.cache_clear()  # what is mended meanwhile is to be seen
        raise AwsError(_told(error)) from error


def _told(error: Exception) -> str:
    if isinstance(error, NoCredentialsError):
        return (
            "AWS credentials are missing: run `aws configure`, or set AWS_PROFILE; "
            "or use the embedded AWS with --params params/local.yaml"
        )
    if isinstance(error, NoRegionError):
        return "no AWS region: set aws.region in the params file or AWS_DEFAULT_REGION"
    remedy = ""
    if isinstance(error, EndpointConnectionError):
        remedy = f"; {remedy_for_silence()}"
    return str(error).replace("\n", "; ") + remedy


def remedy_for_silence() -> str:
    """What to look at where nobody answers."""
    url = endpoint()
    if not url:
        return "is there a network?"
    if not on_loopback(url):
        return f"is {url} right?"
    return f"is it running? `recsys local up --port {urlsplit(url).port or 80}` starts the embedded AWS there"


def refused(error: ClientError) -> Refused:
    """One readable line, and the code, of a service's refusal."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    remedy = (
        "; if it was removed, the notebook that makes it makes it anew" if code == "ResourceNotFoundException" else ""
    )
    return Refused(f"{error.operation_name}: {code}: {message}{remedy}", code=code)


def find(operation: Callable[..., dict[str, Any]], **request: Any) -> dict[str, Any] | None:
    """What a Describe or Get answers, or None where the resource does not exist."""
    try:
        return call(operation, **request)
    except Refused as error:
        if is_not_found(error):
            return None
        raise


def is_not_found(error: Refused) -> bool:
    """Whether a refusal says that there is no such resource; SageMaker has no code of its own for it."""
    return error.code in MISSING or (error.code == "ValidationException" and bool(MISSING_TEXT.search(str(error))))


def put_once(bucket: str, key: str, body: Path | Callable[[], bytes]) -> None:
    """Put a file, or what is made only then, into a bucket unless an object has that key: one named by its content."""
    s3 = client("s3")
    if find(s3.head_object, Bucket=bucket, Key=key) is not None:
        return
    if isinstance(body, Path):
        with body.open("rb") as file:
            call(s3.put_object, Bucket=bucket, Key=key, Body=file)
    else:
        call(s3.put_object, Bucket=bucket, Key=key, Body=body())


def pages(service: str, operation: str, key: str, **request: Any) -> Iterable[dict[str, Any]]:
    """Every entry of a List operation, page after page."""
    paginator = client(service).get_paginator(operation)
    with readable():
        for page in paginator.paginate(**request):
            yield from page.get(key, [])


def wait(
    what: str,
    describe: Describe,
    *,
    until: str = "ACTIVE",
    timeout: float = 4 * 3600,
    report: Report | None = None,
) -> dict[str, Any]:
    """Poll `describe` until its `status` is `until`; returns the last description.

    The pause grows from 50 ms to 30 s with the time already waited, so that a local job is seen at once and a long one
    on AWS costs few calls. `report` gets a line after two seconds, and then once a minute. A service that answered is
    asked again for three minutes where nobody answers, or it is too busy to.
    Raises Refused on a FAILED status, with the service's own reason, and TimedOut after `timeout` seconds.
    """
    started, told, look = time.monotonic(), 0.0, patiently(describe)
    while True:
        description = look() or {"status": "NO ANSWER"}
        status, waited = description["status"], time.monotonic() - started
        if status == until:
            return description
        if "FAILED" in status or "STOPPED" in status:
            raise Refused(f"{what}: {status}: {description.get('failureReason', 'no reason given')}", code=status)
        if waited > timeout:
            raise TimedOut(f"{what} is still {status} after {waited:.0f} s; run the command again to go on waiting")
        if report and waited - told >= (60 if told else 2):
            report(f"{what}: {status} for {waited:.0f} s")
            told = waited
        time.sleep(min(30.0, max(0.05, waited / 10)))


def patiently(ask: Callable[[], Any]) -> Callable[[], Any]:
    """The same question, answered by None for up to three minutes in which nobody answers, or is too busy to.

    Who never answered is not waited for.
    """
    answered = float("-inf")

    def asked() -> Any:
        nonlocal answered
        try:
            answer = ask()
        except AwsError as error:
            if not _passes(error) or time.monotonic() - answered > AWAY:
                raise
            return None
        answered = time.monotonic()
        return answer

    return asked


def _passes(error: AwsError) -> bool:
    """Whether the same question may be answered later: nobody was reached, or the service is busy or broken."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        told, code = cause.response.get("ResponseMetadata", {}), cause.response["Error"]["Code"]
        status = told.get("HTTPStatusCode", 0)
        return status == 429 or status >= 500 or BUSY.search(code) is not None
    return isinstance(cause, botocore.exceptions.ConnectionError | botocore.exceptions.HTTPClientError)


def tags(values: dict[str, str], lower: bool = True) -> list[dict[str, str]]:
    """Tags as a request wants them: Personalize spells its keys `tagKey`, `tagValue`; most others `Key`, `Value`."""
    key, value = ("tagKey", "tagValue") if lower else ("Key", "Value")
    return [{key: name, value: text} for name, text in sorted(values.items())]


def wait_until_gone(
    what: str, find_it: Callable[[], Any], *, timeout: float = 3600, report: Report | None = None
) -> None:
    """Poll `find_it` until it answers None: deletions are asynchronous. Raises TimedOut after `timeout` seconds."""

    def describe() -> dict[str, Any]:
        return {"status": "DELETE IN_PROGRESS" if find_it() is not None else "GONE"}

    wait(f"deleting {what}", describe, until="GONE", timeout=timeout, report=report)
