"""A run as one HTML page that needs nothing beside it: results against baselines, durations, notebooks, resources."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment

from recsys.files import replace_text
from recsys.plots.style import plain
from recsys.runs import Run, Step

PAGE = "report.html"
TEMPLATE = Path(__file__).with_suffix(".html.j2")
BASELINE = re.compile(r"^(?P<metric>.+) of (?P<baseline>.+)$")


def report(run_folder: Path) -> Path:
    """Write `report.html` into a run's folder, from its manifest; returns its path.

    Raises NotebookError when the folder holds no readable manifest.
    """
    run = Run(Path(run_folder))
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = _number
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        manifest=run.manifest,
        comparisons=[row for step in run.steps.values() for row in comparisons(step.get("metrics", {}))],
        steps=[_row(name, step, run) for name, step in run.steps.items()],
        total=sum(_seconds(step) for step in run.steps.values() if not step.get("carried_from")),
        resources=[(name, _service(value), value) for name, value in run.resources.items()],
        changed=_changed(run.manifest),
        example=run.steps.get("05_api_deployment", {}).get("metrics", {}).get("example user", ""),
    )
    target = run.folder / PAGE
    replace_text(target, page)
    return target


def comparisons(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Metrics that stand beside a baseline, named `<metric>` and `<metric> of <baseline>`, with their ratio.

    >>> comparisons({"NDCG@10": 0.3, "NDCG@10 of popularity": 0.1, "p50 ms": 9.0})[0]["times"]
    3.0
    """
    rows = []
    for name, value in metrics.items():
        match = BASELINE.match(name)
        if match and isinstance(metrics.get(match["metric"]), int | float) and isinstance(value, int | float):
            ours = metrics[match["metric"]]
            times = round(ours / value, 6) if value else None
            rows.append({**match.groupdict(), "ours": ours, "theirs": value, "times": times})
    return rows


def _row(name: str, step: Step, run: Run) -> dict[str, Any]:
    """What the page shows of one notebook; `link` is the executed notebook beside the page, if it is there."""
    pages = [f"{name}{suffix}" for suffix in (".html", ".ipynb") if (run.folder / f"{name}{suffix}").exists()]
    slowest = max([_seconds(other) for other in run.steps.values()], default=0)
    return {
        "name": name,
        "link": next(iter(pages), None),
        "status": step["status"],
        "carried_from": step.get("carried_from"),
        "seconds": _seconds(step),
        "bar": 100 * _seconds(step) / slowest if slowest else 0,
        "metrics": step.get("metrics", {}),
        "expectations": step.get("expectations", []),
    }


def _seconds(step: Step) -> float:
    return float(step.get("wall_seconds") or step.get("seconds") or 0)


def _service(value: str) -> str:
    """The AWS service an ARN belongs to; empty for a plain name or address."""
    return value.split(":")[2] if str(value).startswith("arn:") else ""


def _changed(manifest: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """The parameters that do not come from base.yaml: name, value, where it was set."""
    flat = {
        f"{section}.{key}": value
        for section, values in manifest["params"].items()
        for key, value in (values.items() if isinstance(values, dict) else ())
    }
    origin = manifest.get("origin", {})
    return [(name, flat.get(name), place) for name, place in origin.items() if "base.yaml" not in str(place)]


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return plain(value) if isinstance(value, float) else str(value)
