"""All that a notebook needs beside the stage it teaches: start, expect, finish, and a plain table.

run = notebook.start("03_training", params_file, run_id, recipe=recipe)
run.expect("beats popularity", ndcg > baseline, f"{ndcg:.3f} against {baseline:.3f}")
run.finish(metrics={...}, resources={...})
"""

import time
import warnings
from collections.abc import Mapping
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from IPython.display import HTML

from recsys import aws, runs
from recsys import params as parameters
from recsys.errors import NotebookError
from recsys.files import root
from recsys.params import ReadTracker, section_of
from recsys.runs import Run

if TYPE_CHECKING:
    import pandas as pd

USUAL = {  # formats of columns of numbers, by their names in lower case
    **{"price": "{:,.2f}", "event_value": "{:,.2f}"},
    **{"timestamp": "{:.0f}", "creation_timestamp": "{:.0f}"},
}


class Step:
    """One notebook of one run: its parameters, its place on disk, and what it reports."""

    def __init__(self, name: str, run: Run, params: ReadTracker, wait_hours: float) -> None:
        self.name, self.run, self.params = name, run, params
        self.wait: dict[str, Any] = {"timeout": 3600 * wait_hours, "report": self.report}  # how anything is waited for
        self.expectations: list[dict[str, Any]] = []
        self._started = time.monotonic()

    @property
    def folder(self) -> Path:
        """The run's folder; what a notebook writes belongs there."""
        return self.run.folder

    @property
    def tags(self) -> dict[str, str]:
        return self.params.tags(self.run.run_id)

    def resource(self, name: str) -> str:
        """The ARN, URL or name that an earlier notebook recorded."""
        return self.run.resource(name)

    def output(self, name: str) -> Path:
        """The file that an earlier notebook wrote."""
        return self.run.output(name)

    def as_in(self, step: str, *names: str) -> list[Any]:
        """Parameters by their bare names as an earlier step read them, whose own cell may have changed them.

        As they are now where it did not.
        """
        read = self.run.steps.get(step, {}).get("read", {})
        return [read.get(f"{section_of(name)}.{name}", self.params.value(name)) for name in names]

    def named(self, name: str) -> str:
        """A resource name unique to this environment."""
        return self.params.named(name)

    def report(self, line: str) -> None:
        """Say what is waited for, and since when."""
        print(f"waiting: {line}", flush=True)

    def made(self, **resources: str) -> None:
        """Note resources the moment they exist, so that a cell that fails later leaves nothing unknown behind."""
        step = self.run.steps.get(self.name, {})
        self.run.record(self.name, resources={**step.get("resources", {}), **resources})

    def gone(self, *names: str) -> None:
        """Take off the notes what this notebook made and removed again."""
        kept = self.run.steps.get(self.name, {}).get("resources", {})
        self.run.record(self.name, resources={name: value for name, value in kept.items() if name not in names})

    def expect(self, what: str, holds: bool, detail: str = "") -> None:
        """A claim a reader may rely on. Raises NotebookError when it does not hold."""
        self.expectations.append({"what": what, "held": bool(holds), "detail": detail})
        self.run.record(self.name, expectations=self.expectations)
        if not holds:
            raise NotebookError(f"expected: {what}; found: {detail or 'otherwise'}")
        print(f"✓ {what}{': ' + detail if detail else ''}")

    def finish(
        self,
        metrics: dict[str, float | str] | None = None,
        resources: dict[str, str] | None = None,
        outputs: dict[str, Path] | None = None,
    ) -> None:
        """Write the results into the manifest and name the next notebook."""
        self.made(**(resources or {}))
        files = {name: self.run.describe(path) for name, path in (outputs or {}).items()}
        seconds = round(time.monotonic() - self._started, 2)
        facts = {"metrics": metrics or {}, "outputs": files, "read": self.params.read}
        self.run.record(self.name, status="done", seconds=seconds, **facts)
        following = _following(self.name)
        print(f"{self.name} done in {seconds:.1f} s." + (f" Next: {following}.ipynb" if following else ""))


def start(name: str, params_file: str = parameters.DEFAULT_FILE, run_id: str = "", **cell: Any) -> Step:
    """Begin notebook `name`: check its parameters, connect to AWS or what answers in its place, open the run.

    `cell` holds the parameters cell's other values under their bare names. One that was changed there wins over the
    params file; one left at the default profile's value leaves the choice to the file. With an empty `run_id` the first
    notebook opens a new run and the others go on with the newest. Raises ParamsError, NotebookError.
    """
    warnings.filterwarnings("ignore", category=FutureWarning)
    values, origin = parameters.load(params_file, cell=_changed(cell), cell_name=f"{name}.ipynb")
    noted = ReadTracker(values)
    parameters.work_on(values)
    aws.connect(noted.aws.region, noted.aws.endpoint)
    first = not run_id and name.startswith("01_")
    run = runs.create(values, origin, params_file) if first else runs.find(run_id, values)
    if name not in run.steps or run.steps[name]["status"] != "running":
        run.begin(name, fingerprint="")
    print(f"run {run.run_id}, {values.aws.endpoint or 'AWS'}, region {values.aws.region}, parameters {params_file}")
    for key in cell:
        print(f"  {key} = {values.value(key)!r}")
    return Step(name, run, noted, values.aws.wait_hours)  # not noted: no result depends on it


def _following(name: str) -> str:
    """The notebook that is read after this one; empty after the last."""
    names = sorted(path.stem for path in (root() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    return next((other for other in names if other > name), "")


def _changed(cell: dict[str, Any]) -> dict[str, Any]:
    default, _ = parameters.load(parameters.DEFAULT_FILE, environment={})
    return {key: value for key, value in cell.items() if value != default.value(key)}


def table(frame: "pd.DataFrame", **formats: str) -> Any:
    """A DataFrame as a plain HTML table without its index; `formats` maps a column to a format such as `"{:.3f}"`."""
    from pandas.api.types import is_numeric_dtype  # slow to import, and a notebook that shows a table has it

    numbers = [name for name in frame.columns if is_numeric_dtype(frame[name])]
    # pandas would number the cells at random, and every run's outputs would differ
    same = f"{crc32(frame.to_csv().encode()):08x}"
    styled = frame.reset_index(drop=True).style.set_uuid(same).hide(axis="index")
    usual = {name: USUAL[name.lower()] for name in numbers if name.lower() in USUAL}
    fractions = dict.fromkeys(frame.select_dtypes("float"), _decimals)
    given = fractions | usual | formats
    styled = styled.format(given or None, precision=3, thousands=",", na_rep="–")  # type: ignore[arg-type]
    left = [
        {"selector": f".col{frame.columns.get_loc(name)}", "props": "text-align: left"}
        for name in frame.columns.difference(numbers, sort=False)
    ]
    return styled.set_table_styles(left, overwrite=False)


def _decimals(value: float) -> str:
    """Three decimals, and more where two digits take more: among 50,000 items many a score is below 0.001.

    >>> _decimals(1234.5), _decimals(0.0123), _decimals(0.000123), _decimals(0.0)
    ('1,234.500', '0.012', '0.00012', '0.000')
    """
    return f"{Decimal(f'{value:.2g}'):f}" if 0 < abs(value) < 0.01 else f"{value:,.3f}"


def side_by_side(tables: Mapping[str, Any]) -> HTML:
    """Several DataFrames next to each other, each under its name."""
    cells = "".join(f"<div><b>{escape(name)}</b>{table(frame).to_html()}</div>" for name, frame in tables.items())
    return HTML(f'<div style="display: flex; flex-wrap: wrap; gap: 2em">{cells}</div>')
