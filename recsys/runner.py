"""Running the notebooks headless: papermill, one after another, skipping what is unchanged.

A notebook's parameters cell is filled from the merged params; a name there that is no parameter is an error. A finished
step whose code, inputs and resources are as they were, and the parameters it read, is carried over. A failing notebook
leaves its executed copy and one line that says which cell failed and why; the next run resumes there.
"""

import logging
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console

from recsys import runs
from recsys.errors import NotebookError
from recsys.files import parts, replace_text, resolve, root
from recsys.params import Params
from recsys.progress import Bar
from recsys.runs import Run, Step

ANSI = re.compile(r"\x1b\[[0-9;]*m")
FIXED = ("params_file", "run_id")

Exists = Callable[[str], bool]


@dataclass(frozen=True)
class PlannedStep:
    """A notebook's fingerprint now, and whether its result in the previous run is as fresh: it need not run."""

    fingerprint: str
    fresh: bool


def notebooks() -> list[Path]:
    """The notebooks in order, with those that are run by hand."""
    found = sorted((root() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise NotebookError(f"{root() / 'notebooks'}: no notebooks found")
    return found


def by_hand(path: Path) -> bool:
    """Whether a notebook is no part of the pipeline: those from 90 on, the clean-up, which creates nothing."""
    return path.stem >= "90"


def select(names: list[Path], start: str | None, only: str | None) -> list[Path]:
    """The pipeline's notebooks from `start` on, or `only` one of all; by number or name: `03` or `03_training`."""
    among = names if only else [path for path in names if not by_hand(path)]
    wanted = only or start
    if wanted is None:
        return among
    found = [index for index, path in enumerate(among) if wanted in (path.stem, path.stem[:2])]
    if len(found) != 1:
        raise NotebookError(f'"{wanted}" matches {len(found)} notebooks; there are {", ".join(p.stem for p in among)}')
    return [among[found[0]]] if only else among[found[0] :]


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

    Raises it too where another process runs this environment's.

    Whoever names a notebook takes what is before it as it is, if it is done and stands, whatever has changed since. One
    that is run by hand belongs to the newest run and is never skipped.

    `exists` tells whether a recorded resource still stands. An unfinished run of the same parameters is resumed; a
    finished one is returned as it is when nothing has changed, else a new run carries its unchanged steps over.
    """
    console = console or Console()
    selected = select(notebooks(), start, only)
    everything = sorted({*select(notebooks(), None, None), *selected})
    cells = {path: injected(path, values) for path in everything}
    with runs.exclusive_run(values), _ended_as_interrupted():
        previous = runs.latest(values)
        plan = _plan(cells, selected, values, previous, exists, force)
        taken: list[Path] = []
        if previous is not None and all(map(by_hand, selected)):
            run = previous
        else:
            taken = _as_they_are(plan, selected, values, previous, exists)
            run = _open(values, origin, params_file, previous, plan)
        for path, planned in plan.items():
            if path in taken:
                console.print(f"{path.stem:<24} taken as it is, of other code, data or parameters")
            if previous is not None and run is not previous and (planned.fresh or path in taken):
                run.carry(path.stem, previous)
            if path in selected and planned.fresh:
                _tell_skipped(path, run, console, "; --force runs it all the same" if only else "")
            elif path in selected:
                _tell_differing(path, previous, values, console)
                run.begin(path.stem, planned.fingerprint, process=os.getpid())
                given = {**cells[path], "params_file": params_file, "run_id": run.run_id}
                _execute_one(path, given, values, run, console)
        run.reload()
    return run


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """A request to end is an interruption from the keyboard: the step is recorded as failed, and its kernel ends."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where no signal arrives
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_skipped(path: Path, run: Run, console: Console, remedy: str) -> None:
    made_by = run.steps[path.stem].get("carried_from") or run.run_id
    console.print(f"{path.stem:<24} unchanged, skipped (run {made_by}){remedy}")


def _tell_differing(path: Path, previous: Run | None, values: Params, console: Console) -> None:
    for key, (was, is_now) in _differing(previous, path, values).items():
        console.print(f"{path.stem:<24} runs anew: {key} was {was!r}, is {is_now!r}")


def _plan(
    cells: dict[Path, dict[str, Any]],
    selected: list[Path],
    values: Params,
    previous: Run | None,
    exists: Exists,
    force: bool,
) -> dict[Path, PlannedStep]:
    plan: dict[Path, PlannedStep] = {}
    before, standing = "", True
    for path, given in cells.items():
        inputs = [] if plan else _inputs(values)
        before = runs.fingerprint(path, given, inputs, before)
        step = (previous.steps if previous else {}).get(path.stem, {})
        same = step.get("fingerprint") == before and "read" in step and not _differing(previous, path, values)
        standing = standing and same and _stands(step, exists)
        plan[path] = PlannedStep(before, standing and not (force and path in selected) and not by_hand(path))
        if path in selected and not plan[path].fresh:
            standing = False
    return plan


def _differing(previous: Run | None, path: Path, values: Params) -> dict[str, tuple[Any, Any]]:
    """The parameters that the previous run's step read and found otherwise: what they were, and what they are."""
    read = (previous.steps if previous else {}).get(path.stem, {}).get("read", {})
    sections = values.model_dump(mode="json").items()
    now = {f"{section}.{name}": value for section, entries in sections for name, value in entries.items()}
    return {key: (was, now.get(key)) for key, was in read.items() if now.get(key) != was}


def _as_they_are(
    plan: dict[Path, PlannedStep], selected: list[Path], values: Params, previous: Run | None, exists: Exists
) -> list[Path]:
    """The steps before the selected ones that something has changed of. Raises NotebookError for one not there."""
    taken = [path for path, planned in plan.items() if path < selected[0] and not planned.fresh]
    for path in taken:
        step = (previous.steps if previous else {}).get(path.stem, {})
        if not _stands(step, exists):
            raise NotebookError(
                f"{selected[0].stem} goes on from {path.stem}, which is not done or whose resources are gone: "
                f"{values.command('recsys run --from ' + path.stem[:2])}"
            )
    return taken


def _stands(step: Step, exists: Exists) -> bool:
    """Whether a step is done and all that it made is there."""
    return step.get("status") == "done" and all(map(exists, step.get("resources", {}).values()))


def _open(
    values: Params, origin: dict[str, str], params_file: str, previous: Run | None, plan: dict[Path, PlannedStep]
) -> Run:
    if previous is not None:
        same = previous.manifest["params"] == values.model_dump()
        if same and (previous.status != "done" or all(planned.fresh for planned in plan.values())):
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
        return sorted((root() / "data" / "sample").glob("*.csv"))
    named = [resolve(name) for name in (data.data_file, data.items_file, data.users_file) if name]
    return [part for path in named for part in parts(path) if part.is_file()]


def _execute_one(path: Path, given: dict[str, Any], values: Params, run: Run, console: Console) -> None:
    started = time.monotonic()
    try:
        with Bar(path.stem, console) as bar, tempfile.TemporaryDirectory(prefix="recsys-") as sockets:
            _papermill(path, run.folder / path.name, given, values, bar, sockets)
        _all_completed(run.folder / path.name)
    except (Exception, KeyboardInterrupt) as error:
        seconds, reason = round(time.monotonic() - started, 2), _reason(error)
        run.record(path.stem, status="failed", seconds=seconds, reason=reason)
        _html(run.folder / path.name)
        page = os.path.relpath(run.folder / f"{path.stem}.html")
        raise NotebookError(f"{path.stem} {reason} (see {page}; run again to resume there)") from error
    run.reload()
    if run.steps[path.stem]["status"] != "done":
        run.record(path.stem, status="failed")
        raise NotebookError(f"{path.stem} ended without run.finish(...); its last cell must call it")
    run.record(path.stem, wall_seconds=round(time.monotonic() - started, 2))
    _html(run.folder / path.name)
    console.print(f"{path.stem:<24} done in {time.monotonic() - started:5.1f} s")


def _papermill(source: Path, target: Path, given: dict[str, Any], values: Params, bar: Bar, sockets: str) -> None:
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
    # nbclient leaves tasks behind where it is interrupted, and asyncio tells of each in a traceback.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    papermill.execute_notebook(
        str(source),
        str(target),
        parameters=given,
        engine_name="watched",
        kernel_name="python3",
        cwd=str(root()),
        progress_bar=False,
        log_output=True,
        execution_timeout=int(values.run.cell_timeout_minutes * 60),
        start_timeout=120,
        shutdown_kernel="immediate",  # else it is interrupted first, and now and then says so in red
        config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
    )


def _all_completed(executed: Path) -> None:
    """A cell that ended the kernel early leaves later ones unrun and papermill content; this is not."""
    for index, cell in enumerate(nbformat.read(executed, as_version=4).cells, start=1):
        status = cell.metadata.get("papermill", {}).get("status")
        if cell.cell_type == "code" and cell.source.strip() and status != "completed":
            raise NotebookError(f"cell {index} did not run to its end (status {status})")


def _reason(error: BaseException) -> str:
    """Where a step failed and why: `failed in cell 3: ValueError: no such item`."""
    if hasattr(error, "cell_index") and hasattr(error, "evalue"):
        reason = ANSI.sub("", str(error.evalue)).strip().splitlines() or [""]
        return f"failed in cell {error.cell_index}: {error.ename}: {reason[0]}"
    if isinstance(error, KeyboardInterrupt):
        return "failed: interrupted"
    return f"failed: {type(error).__name__}: {' '.join(str(error).split())}"


def _html(executed: Path) -> None:
    from nbconvert import HTMLExporter

    if executed.exists():
        body, _ = HTMLExporter().from_filename(str(executed))
        replace_text(executed.with_suffix(".html"), body)
