"""What a finished run says: durations, metrics against baselines, the API's address, how to stop it."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from recsys import http, resources
from recsys.errors import NotebookError
from recsys.runs import Run


def show(run: Run, console: Console) -> None:
    """Print a run's steps and, where they are there, its metrics and its API."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (("notebook", "left"), ("status", "left"), ("seconds", "right"), ("result", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name, step in run.steps.items():
        seconds = step.get("wall_seconds", step.get("seconds"))
        origin = f" (from {step['carried_from']})" if step.get("carried_from") else ""
        table.add_row(name, step["status"] + origin, _number(seconds, 1), _headline(step.get("metrics", {})))
    total = sum(step.get("wall_seconds", 0) for step in run.steps.values() if not step.get("carried_from"))
    console.print(f"\nrun {run.run_id} is {run.status}; its notebooks took {total:.0f} s")
    console.print(table)
    _show_api(run, console)
    console.print(f"executed notebooks: {run.folder}")


def _show_api(run: Run, console: Console) -> None:
    if "ApiUrl" not in run.resources:
        return
    url, user = run.resources["ApiUrl"], _example(run)
    console.print(f"\nAPI: {url}")
    console.print(f"  curl '{url}/recommendations/{user}?numResults=5'")
    if run.manifest["params"]["aws"]["endpoint"]:
        console.print("stop the embedded AWS:  recsys local down     remove all it holds:  recsys destroy")
    else:
        console.print(
            f"it costs money while it stands; remove it:  recsys destroy --params {run.manifest['params_file']}"
        )


def check(run: Run) -> None:
    """Raises NotebookError unless every step is done, every resource stands and the API answers with titled items."""
    undone = [name for name, step in run.steps.items() if step["status"] != "done"]
    if undone or not run.steps:
        raise NotebookError(f"run {run.run_id} is not whole: {', '.join(undone) or 'no step'} not done")
    gone = [name for name, resource in run.resources.items() if not resources.exists(resource)]
    if gone:
        raise NotebookError(f"run {run.run_id}: {', '.join(gone)} no longer there; run again")
    answer = _get(f"{run.resource('ApiUrl')}/recommendations/{_example(run)}?numResults=5")
    if len(answer["recommendations"]) != 5 or not all(item.get("title") for item in answer["recommendations"]):
        raise NotebookError(f"the API answered {answer} instead of five items with titles")


def _example(run: Run) -> str:
    """A user to ask the API for; what notebook 05 did not come to name is made up, and gets what is popular."""
    return run.steps["05_api_deployment"].get("metrics", {}).get("example user", "1")


def _get(url: str) -> dict[str, Any]:
    try:
        status, _, body = http.ask(url)
        if status == 200:
            return json.loads(body)
    except (OSError, json.JSONDecodeError) as error:
        raise NotebookError(f"{url}: {error}") from error
    raise NotebookError(f"{url} answered {status}: {body[:200].decode(errors='replace')}")


def _headline(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_number(value, 3)}" for name, value in metrics.items())


def _number(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value or "")
