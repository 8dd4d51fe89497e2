"""The way to CloudWatch: a thread that every few seconds asks who has something to report and puts it there.

Where boto3 would find AWS's own CloudWatch, nothing is put: AWS lets nobody but its services write into a namespace
that begins with AWS/, and bills every metric.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

INTERVAL = 2.0  # seconds between two reports
AT_ONCE = 150  # data in one PutMetricData
OLDEST, NEWEST = 14 * 86400, 2 * 3600  # seconds back and ahead that CloudWatch takes data for
COMPLAIN_EVERY = 60.0  # seconds between two lines about the same trouble

Datum = dict[str, Any]
Put = Callable[[list[Datum]], bool]
Reporter = Callable[[Put], None]

log = logging.getLogger(__name__)


class CloudWatch:
    """PutMetricData into one namespace."""

    def __init__(self, endpoint: str | None, region: str, namespace: str) -> None:
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        client = boto3.client("cloudwatch", endpoint_url=endpoint, region_name=region, config=config)
        self.endpoint: str = client.meta.endpoint_url
        self._client = None if "amazonaws" in (urlsplit(self.endpoint).hostname or "") else client
        self._complained, self._namespace = -COMPLAIN_EVERY, namespace

    @property
    def on(self) -> bool:
        """Whether there is a CloudWatch to write to."""
        return self._client is not None

    def put(self, data: list[Datum]) -> bool:
        """Put data; False where CloudWatch could not be reached and it is worth trying again. Never raises."""
        try:
            for start in range(0, len(data), AT_ONCE):
                self._client.put_metric_data(Namespace=self._namespace, MetricData=data[start : start + AT_ONCE])
        except ClientError as error:
            self._complain(error)
            return error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
        except BotoCoreError as error:
            self._complain(error)
            return False
        return True

    def _complain(self, error: Exception) -> None:
        if time.monotonic() - self._complained >= COMPLAIN_EVERY:
            self._complained = time.monotonic()
            log.warning("metrics could not be written to CloudWatch: %s", error)


class Publisher:
    """The thread between the reporters and CloudWatch."""

    def __init__(self, endpoint: str | None, region: str, namespace: str, reporters: Sequence[Reporter]) -> None:
        self._cloudwatch = CloudWatch(endpoint, region, namespace)
        self._reporters = reporters
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{namespace} metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Report for the last time; to be called while CloudWatch still answers, more than once if need be."""
        self._stop.set()
        self._thread.join(timeout=15)

    def where(self) -> str:
        """Where metrics go, for the health report."""
        return self._cloudwatch.endpoint if self._cloudwatch.on else "off: set AWS_ENDPOINT_URL_CLOUDWATCH"

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._report()
        self._report()

    def _report(self) -> None:
        for reporter in self._reporters if self._cloudwatch.on else ():
            try:
                reporter(self._cloudwatch.put)
            except Exception:
                log.exception("metrics could not be gathered")
