"""Renew the outputs stored in the notebooks from the newest run, so that they can be read where nothing can be run.

`python -m recsys.stored_outputs [RUN]`, or `make notebooks`. Counts run from 1 to n; timing and the injected parameters
stay behind; a path of this machine in an output is an error, not a secret to publish.
"""

import re
import sys
from pathlib import Path
from typing import Any

import nbformat

from recsys import params as parameters
from recsys import runs
from recsys.errors import NotebookError, RecsysError
from recsys.files import replace_text, root
from recsys.runs import Run

LIMIT = 900 * 1024  # bytes; files over 1 MiB stay out of git


def renew(run: Run) -> list[Path]:
    """Copy a finished run's outputs into notebooks/; returns the files written. Raises NotebookError."""
    if run.status != "done":
        raise NotebookError(f"run {run.run_id} is {run.status}: only a finished run's outputs are stored")
    return [_renew_one(run.folder / f"{step}.ipynb") for step in run.steps]


def _renew_one(executed_path: Path) -> Path:
    target = root() / "notebooks" / executed_path.name
    notebook = nbformat.read(target, as_version=4)
    executed = {cell.id: cell for cell in nbformat.read(executed_path, as_version=4).cells}
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += 1
        if cell.id not in executed or executed[cell.id].source != cell.source:
            raise NotebookError(f"{target.name} has changed since run {executed_path.parent.name}; run it again first")
        cell.execution_count = count
        cell.outputs = [_clean(output, count) for output in executed[cell.id].outputs]
    text = nbformat.writes(notebook) + "\n"
    _publishable(target.name, text)
    replace_text(target, text)
    return target


def _clean(output: Any, count: int) -> Any:
    output.get("metadata", {}).clear()
    if "execution_count" in output:
        output.execution_count = count
    if output.get("output_type") == "stream":
        output.text = re.sub(r"^waiting: .*\n", "", output.text, flags=re.MULTILINE)
    return output


def _publishable(name: str, text: str) -> None:
    found = [place for place in (str(root()), str(Path.home()) + "/") if place in text]
    if found:
        raise NotebookError(f"{name}: an output holds a path of this machine: {found[0]}")
    if len(text.encode()) > LIMIT:
        raise NotebookError(f"{name}: {len(text.encode()):,} bytes with outputs, at most {LIMIT:,} are kept in git")


def main() -> None:
    """Renew from the run named on the command line, by default the newest."""
    values, _ = parameters.load()
    try:
        for path in renew(runs.find(sys.argv[1] if len(sys.argv) > 1 else "", values)):
            print(path.name)
    except RecsysError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
