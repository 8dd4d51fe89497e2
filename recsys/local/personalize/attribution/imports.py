"""In the worker: an import's interactions, reported as the group's metric attribution asks.

A report that cannot be written to S3 fails its import, before any data is changed. CloudWatch is told as far as it
answers, and told again by a job that was cut short and taken up. [AWS says neither. Rows are counted as they are in the
files, exact duplicates too, as AWS warns they are.]
"""

import csv
import io
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys.local.personalize import NAMESPACE
from recsys.local.personalize.attribution.totals import UNDEFINED, Metric, Total, admitted, bulk_values, datum, totals
from recsys.local.personalize.jobs.s3 import Storage
from recsys.local.personalize.serving.sources import MARK
from recsys.local.shared.cloudwatch import OLDEST, CloudWatch

HEAD = ("METRIC_NAME", "EVENT_TYPE", "VALUE", "MATH_FUNCTION", "EVENT_ATTRIBUTION_SOURCE", "TIMESTAMP")


def report(spec: dict[str, Any], table: pa.Table, storage: Storage) -> None:
    """Report the rows of an import per `spec["report"]` (attribution/plan.py). Raises JobFailed."""
    wanted = spec["report"]
    if wanted is None or "EVENT_TYPE" not in table.column_names:
        return
    events = table.append_column("SOURCE", _sources(table, wanted["marks"]))
    found = [
        total
        for metric in wanted["metrics"]
        for total in totals(Metric(**metric), events, partial(bulk_values, wanted["items"]))
    ]
    if wanted["path"]:
        storage.write(wanted["path"], _csv(found).encode())
    if wanted["cloudwatch"]:
        _to_cloudwatch(spec, [total for total in found if total.start > time.time() - OLDEST])


def _to_cloudwatch(spec: dict[str, Any], found: list[Total]) -> None:
    cloudwatch = CloudWatch(spec["endpoint"], spec["region"], NAMESPACE)
    if cloudwatch.on:
        cloudwatch.put([datum(total, spec["report"]["group"]) for total in found])


def _sources(table: pa.Table, marks: dict[str, str]) -> pa.Array:
    """(n rows,) what each row is attributed to."""
    given = _column(table, "EVENT_ATTRIBUTION_SOURCE")
    mark = pc.utf8_slice_codeunits(_column(table, "RECOMMENDATION_ID"), MARK.start, MARK.stop)
    makers = pa.array(marks.values(), pa.string()).take(pc.index_in(mark, pa.array(marks, pa.string())))
    named = pc.coalesce(given, makers, pa.scalar(UNDEFINED))
    names, known = named.unique(), set()
    counted = [admitted(name, known) for name in names.to_pylist()]
    return pa.array(counted, pa.string()).take(pc.index_in(named, names))


def _column(table: pa.Table, name: str) -> pa.Array:
    found = table[name] if name in table.column_names else pa.nulls(len(table), pa.string())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _csv(found: Iterable[Total]) -> str:
    """The report, newest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for total in sorted(found, key=lambda each: (each.metric.name, -each.start, each.source)):
        metric = total.metric
        row = (metric.name, metric.event_type, float(total.total), metric.function, total.source, total.start)
        writer.writerow(row)
    return text.getvalue()
