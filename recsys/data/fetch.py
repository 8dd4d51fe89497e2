"""Fetch a public data set: download it or take a copy at hand, verify its content, and only then put it in place."""

import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from recsys.data import retail
from recsys.errors import DataError
from recsys.files import replacing

ONLINE_RETAIL = "online-retail"
ADDRESS = "https://archive.ics.uci.edu/static/public/352/online+retail.zip"
BLOCK = 1 << 18
REPORT_EVERY = 5_000_000
TIMEOUT_SECONDS = 30


def fetch(
    name: str,
    to: Path,
    source: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
    address: str = ADDRESS,
    expected: retail.Content = retail.PUBLISHED,
) -> Path:
    """The verified data set as `to`/<name>.parquet; what is there already and verifies is kept.

    `source` is a copy at hand (.zip, .xlsx, .csv or .parquet); without it the data set is downloaded from `address`.
    `report` hears one line per step. Raises DataError when the name is unknown, the download fails, or the content is
    not the published one; then nothing is left in `to`.
    """
    if name != ONLINE_RETAIL:
        raise DataError(f'"{name}" is no data set known here; there is: {ONLINE_RETAIL}')
    target = Path(to) / f"{name}.parquet"
    if source is None and _is_good(target, expected):
        report(f"{target} is there already, and its content is verified")
        return target
    with TemporaryDirectory() as folder:
        copy = Path(source) if source else _download(address, Path(folder) / "download.zip", report)
        report(
            f"reading {copy.name}"
            + (", an Excel file: this takes a minute" if copy.suffix.lower() in (".zip", ".xlsx") else "")
        )
        where = copy if source else address
        frame = retail.typed(retail.read(copy, report), where)
        retail.verify(frame, where, expected)
    _keep(frame, target)
    report(f"verified: {len(frame):,} rows with the published content, kept as {target}")
    return target


def _is_good(target: Path, expected: retail.Content) -> bool:
    """Whether the data set is there, whole; a damaged one is fetched anew."""
    try:
        retail.verify(retail.typed(retail.read(target), target), target, expected)
    except DataError:
        return False
    return True


def _download(address: str, path: Path, report: Callable[[str], None]) -> Path:
    request = urllib.request.Request(address, headers={"User-Agent": "recsys"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:
            length = int(response.headers.get("Content-Length") or 0)
            of = f" of {length / 1e6:.1f}" if length else ""
            report(f"downloading {address}")
            done = told = 0
            while block := response.read(BLOCK):
                file.write(block)
                done += len(block)
                if done - told >= REPORT_EVERY:
                    report(f"  {done / 1e6:.1f}{of} MB")
                    told = done
    except (urllib.error.URLError, HTTPException, OSError) as error:
        reason = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise DataError(_no_download(address, str(reason))) from None
    if length and done < length:
        raise DataError(_no_download(address, f"the connection ended after {done:,} of {length:,} bytes"))
    return path


def _no_download(address: str, reason: str) -> str:
    return (
        f"{address} could not be downloaded ({reason}); try again, or take a copy at hand: "
        f"recsys data fetch {ONLINE_RETAIL} --from FILE (.zip, .xlsx, .csv or .parquet)"
    )


def _keep(frame: pd.DataFrame, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as draft:
            frame.to_parquet(draft, index=False)
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written: {error.strerror or error}; nothing of it is left behind"
        ) from None
