"""What a finished run says: durations, metrics against baselines, the API's address, how to stop it."""

import shlex
import shutil
from typing import Any

from rich.console import Console
from rich.table import Table

from recsys import resources
from recsys.deploy.api import get, recommendations_url
from recsys.errors import NotebookError
from recsys.params import options
from recsys.runs import Run, Step

MOST_NAMED = 3


def show(run: Run, console: Console, stop: str = "recsys local down") -> None:
    """Print a run's steps and, where they are there, its metrics, its API, and what stops the embedded AWS."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (("notebook", "left"), ("status", "left"), ("seconds", "right"), ("result", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name, step in run.steps.items():
        origin = f" (from {step['carried_from']})" if step.get("carried_from") else ""
        table.add_row(name, step["status"] + origin, _number(_seconds(step), 1), _headline(step.get("metrics", {})))
    total = sum(_seconds(step) or 0 for step in run.steps.values() if not step.get("carried_from"))
    console.print(f"\nrun {run.run_id} is {run.status}; its notebooks took {total:.0f} s")
    console.print(table)
    _show_failure(run, console)
    gone = _gone(run)
    if gone:
        more = f" and {len(gone) - MOST_NAMED} more" if len(gone) > MOST_NAMED else ""
        console.print(f"\nno longer there: {', '.join(gone[:MOST_NAMED])}{more}", soft_wrap=True)
        console.print(f"make it anew:  {_command('recsys run', run)}", soft_wrap=True)
    if "ApiUrl" in run.resources and "StackArn" not in gone:
        _show_api(run, console, stop)
    console.print(f"executed notebooks: {run.folder}")
    if shutil.which("recsys") is None:
        console.print("before you call recsys in this shell:  . .venv/bin/activate")


def _seconds(step: Step) -> float | None:
    """That the notebook took with its start, or, cell by cell in a kernel of somebody's, between its first and last."""
    return step.get("wall_seconds", step.get("seconds"))


def _show_failure(run: Run, console: Console) -> None:
    for name, step in run.steps.items():
        if step["status"] in ("failed", "interrupted"):
            told = step.get("reason", "was interrupted" if step["status"] == "interrupted" else "failed")
            console.print(f"\n{name} {told}", soft_wrap=True, markup=False)
            console.print(f"resume there:  {_command('recsys run', run)}", soft_wrap=True)


def _show_api(run: Run, console: Console, stop: str) -> None:
    url, user = run.resources["ApiUrl"], _example(run)
    console.print(f"\nAPI: {url}")
    console.print(f"  curl '{recommendations_url(url, user, 5)}'", soft_wrap=True)
    if run.manifest["params"]["aws"]["endpoint"]:
        console.print(f"stop the embedded AWS:  {stop}", soft_wrap=True)
    else:
        console.print("it costs money while it stands")
    console.print(f"remove what this environment holds:  {_command('recsys destroy', run)}", soft_wrap=True)


def _command(words: str, run: Run) -> str:
    """The command about this run's environment."""
    asked = [run.manifest[name] for name in ("params_file", "params", "origin")]
    return shlex.join([*words.split(), *options(*asked)])


def _gone(run: Run) -> list[str]:
    return [name for name, resource in run.resources.items() if not resources.exists(resource)]


def check(run: Run) -> None:
    """Raises NotebookError unless every step is done, every resource stands and the API answers with titled items.

    Raises AwsError where the API does not answer.
    """
    undone = [name for name, step in run.steps.items() if step["status"] != "done"]
    if undone or not run.steps:
        raise NotebookError(f"run {run.run_id} is not whole: {', '.join(undone) or 'no step'} not done")
    gone = _gone(run)
    if gone:
        raise NotebookError(f"run {run.run_id}: {', '.join(gone)} no longer there; run again")
    status, answer = get(recommendations_url(run.resource("ApiUrl"), _example(run), 5))
    items = answer.get("recommendations", []) if status == 200 else []
    if len(items) != 5 or not all(item.get("title") for item in items):
        raise NotebookError(f"the API answered {status}: {answer} instead of five items with titles")


def _example(run: Run) -> str:
    """A user to ask the API for; what notebook 05 did not come to name is made up, and gets what is popular."""
    return run.steps["05_api_deployment"].get("metrics", {}).get("example user", "1")


def _headline(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_number(value, 3)}" for name, value in metrics.items())


def _number(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value or "")
