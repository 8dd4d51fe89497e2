"""Running the notebooks headless: papermill, one after another, skipping what is unchanged.

A notebook's parameters cell is filled from the merged params; a name there that is no parameter is an error. A finished
step whose code, parameters, inputs and resources are as they were is carried over. A failing notebook leaves its
executed copy and one line that says which cell failed and why; the next run resumes there.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console

from recsys import params as parameters
from recsys import runs
from recsys.errors import NotebookError
from recsys.params import Params
from recsys.progress import Bar
from recsys.runs import Run

ANSI = re.compile(r"\x1b\[[0-9;]*m")
FIXED = ("params_file", "run_id")

Exists = Callable[[str], bool]


def notebooks(only: str | None = None) -> list[Path]:
    """The pipeline's notebooks in order. Those from 90 on (clean-up) are in it where `only` names one, never else."""
    found = sorted((parameters.root() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise NotebookError(f"{parameters.root() / 'notebooks'}: no notebooks found")
    return [path for path in found if not by_hand(path.stem) or only in (path.stem, path.stem[:2])]


def by_hand(notebook: str) -> bool:
    """Whether a notebook, by its name or number, is no part of the pipeline: the clean-up, which creates nothing."""
    return notebook >= "90"


def select(names: list[Path], start: str | None, only: str | None) -> list[Path]:
    """The notebooks from `start` on, or `only` one; both match by number or name, such as `03` or `03_training`."""
    wanted = only or start
    if wanted is None:
        return names
    matches = [index for index, path in enumerate(names) if path.stem == wanted or path.stem.startswith(wanted)]
    if len(matches) != 1:
        raise NotebookError(
            f'"{wanted}" matches {len(matches)} notebooks; there are {", ".join(p.stem for p in names)}'
        )
    return names[matches[0] : matches[0] + 1] if only else names[matches[0] :]


def execute(
    values: Params,
    origin: dict[str, str],
    params_file: str,
    *,
    exists: Exists,
    start: str | None = None,
    only: str | None = None,
    force: bool = False,
    console: Console | None = None,
) -> Run:
    """Run the selected notebooks; returns the run with every step done. Raises NotebookError at the first failure.

    A notebook that is run by hand belongs to the newest run, whatever has changed since, and is never skipped.

    `exists` tells whether a recorded resource still stands. An unfinished run of the same parameters is resumed; a
    finished one is returned as it is when nothing has changed, else a new run carries its unchanged steps over.
    """
    console = console or Console()
    everything = notebooks(only)
    selected = select(everything, start, only)
    previous = runs.latest(values)
    plan = _plan(everything, selected, values, previous, exists, force)
    if previous is not None and all(by_hand(path.stem) for path in selected):
        run = previous
    else:
        run = _open(values, origin, params_file, previous, plan)
    for path, (fingerprint, fresh) in plan.items():
        if fresh and run is not previous:
            run.carry(path.stem, previous)  # type: ignore[arg-type]
        if fresh and path in selected:
            console.print(
                f"{path.stem:<24} unchanged, skipped (run {run.steps[path.stem].get('carried_from') or run.run_id})"
            )
        elif path in selected:
            _execute_one(path, fingerprint, values, params_file, run, console)
    run.reload()
    return run


def _plan(
    everything: list[Path], selected: list[Path], values: Params, previous: Run | None, exists: Exists, force: bool
) -> dict[Path, tuple[str, bool]]:
    """For each notebook its fingerprint, and whether the previous run's result still stands."""
    plan, before, standing = {}, values.digest(), True
    for path in everything:
        inputs = _inputs(values) if path == everything[0] else []
        before = runs.fingerprint(path, injected(path, values), inputs, before)
        step = (previous.steps if previous else {}).get(path.stem, {})
        standing = standing and step.get("status") == "done" and step.get("fingerprint") == before
        standing = standing and all(exists(resource) for resource in step.get("resources", {}).values())
        plan[path] = (before, standing and not (force and path in selected) and not by_hand(path.stem))
        if path in selected and not plan[path][1]:
            standing = False
    return plan


def _open(
    values: Params, origin: dict[str, str], params_file: str, previous: Run | None, plan: dict[Path, tuple[str, bool]]
) -> Run:
    if previous is not None:
        same = previous.manifest["params"] == values.model_dump()
        if same and (previous.status != "done" or all(fresh for _, fresh in plan.values())):
            return previous
    return runs.create(values, origin, params_file)


def injected(path: Path, values: Params) -> dict[str, Any]:
    """The merged values of the names in a notebook's parameters cell. Raises NotebookError for a name that is none."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise NotebookError(f'{path.name}: {len(cells)} cells carry the tag "parameters"; exactly one must')
    names = [name for name in re.findall(r"^(\w+)\s*=", cells[0].source, flags=re.MULTILINE) if name not in FIXED]
    return {name: values.value(name) for name in names}


def _inputs(values: Params) -> list[Path]:
    data = values.data
    if data.source == "sample":
        return sorted((parameters.root() / "data" / "sample").glob("*.csv"))
    named = [parameters.resolve(name) for name in (data.data_file, data.items_file, data.users_file) if name]
    return [path for path in named if path.is_file()]


def _execute_one(path: Path, fingerprint: str, values: Params, params_file: str, run: Run, console: Console) -> None:
    run.begin(path.stem, fingerprint)
    cell_values = {**injected(path, values), "params_file": params_file, "run_id": run.run_id}
    started = time.monotonic()
    try:
        with Bar(path.stem, console) as bar:
            _papermill(path, run.folder / path.name, cell_values, values, bar)
        _all_completed(run.folder / path.name)
    except (Exception, KeyboardInterrupt) as error:
        run.record(path.stem, status="failed", seconds=round(time.monotonic() - started, 2))
        _html(run.folder / path.name)
        raise NotebookError(_failure(path, run, error)) from error
    run.reload()
    if run.steps[path.stem]["status"] != "done":
        run.record(path.stem, status="failed")
        raise NotebookError(f"{path.stem} ended without run.finish(...); its last cell must call it")
    run.record(path.stem, wall_seconds=round(time.monotonic() - started, 2))
    _html(run.folder / path.name)
    console.print(f"{path.stem:<24} done in {time.monotonic() - started:5.1f} s")


def _papermill(source: Path, target: Path, cell_values: dict[str, Any], values: Params, bar: Bar) -> None:
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines
    from traitlets.config import Config

    class Watched(NBClientEngine):
        """Papermill's own engine, telling the bar where it is."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            bar.watch(nb_man)
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("watched", Watched)
    papermill.execute_notebook(
        str(source),
        str(target),
        parameters=cell_values,
        engine_name="watched",
        kernel_name="python3",
        cwd=str(parameters.root()),
        progress_bar=False,
        log_output=True,
        execution_timeout=int(values.run.cell_timeout_minutes * 60),
        start_timeout=120,
        shutdown_kernel="immediate",  # else it is interrupted first, and now and then says so in red
        config=Config({"KernelManager": {"transport": "ipc"}}),
    )


def _all_completed(executed: Path) -> None:
    """A cell that ended the kernel early leaves later ones unrun and papermill content; this is not."""
    for index, cell in enumerate(nbformat.read(executed, as_version=4).cells, start=1):
        status = cell.metadata.get("papermill", {}).get("status")
        if cell.cell_type == "code" and cell.source.strip() and status != "completed":
            raise NotebookError(f"cell {index} did not run to its end (status {status})")


def _failure(path: Path, run: Run, error: BaseException) -> str:
    where = f"{path.stem} failed"
    if hasattr(error, "cell_index") and hasattr(error, "evalue"):
        reason = ANSI.sub("", str(error.evalue)).strip().splitlines() or [""]
        where, what = f"{path.stem} failed in cell {error.cell_index}", f"{error.ename}: {reason[0]}"
    elif isinstance(error, KeyboardInterrupt):
        what = "interrupted"
    else:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
    page = os.path.relpath(run.folder / f"{path.stem}.html")
    return f"{where}: {what} (see {page}; run again to resume there)"


def _html(executed: Path) -> None:
    from nbconvert import HTMLExporter

    if executed.exists():
        body, _ = HTMLExporter().from_filename(str(executed))
        runs.write_atomically(executed.with_suffix(".html"), body)
