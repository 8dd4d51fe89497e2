"""The run folder and its manifest: what was done, from what, with which result, and what need not be done again.

`runs/<run-id>/manifest.json` is the only thing that passes from one notebook to the next:

    {"schema_version": 1, "run_id", "created", "params_file", "params", "origin",
     "steps": {"03_training": {"status": "done", "fingerprint", "read", "started", "process", "seconds", "outputs",
                               "metrics", "resources", "expectations", "carried_from", "reason"}}}

`process` is the number of that which runs the step: where it is gone, a step that was running is `interrupted`. `read`
maps each parameter that the step read to what it was; `outputs` maps a name to path, bytes and sha256; `resources` maps
an output name such as `CampaignArn` to its ARN or name; `metrics` maps a name to a number or text; `reason` says where
a step failed and why. The file is replaced atomically: a reader sees the old one or the new.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsys.errors import NotebookError
from recsys.files import replace_text, resolve, sha256
from recsys.params import Params

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"

Step = dict[str, Any]


class Run:
    """One run's folder and manifest. Every change is on disk when the method returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reload()

    @property
    def run_id(self) -> str:
        return self.manifest["run_id"]

    @property
    def steps(self) -> dict[str, Step]:
        return self.manifest["steps"]

    @property
    def status(self) -> str:
        """`done` when every step is, else the first other state: `failed`, `interrupted`, `running` or `empty`."""
        states = [step["status"] for step in self.steps.values()]
        return next((state for state in states if state != "done"), "done" if states else "empty")

    def reload(self) -> None:
        """Take up what another process wrote."""
        self.manifest = _read(self.folder / MANIFEST)
        for step in self.steps.values():
            if step["status"] == "running" and "process" in step and not self._is_run_by(step["process"]):
                step["status"] = "interrupted"

    def _is_run_by(self, number: int) -> bool:
        """Whether that process runs this environment: the number alone may be somebody else's by now."""
        import psutil

        lock = _lock(self.folder.parent, self.manifest["params"]["aws"]["environment_suffix"]).resolve()
        try:
            return any(Path(file.path) == lock for file in psutil.Process(number).open_files())
        except psutil.AccessDenied:
            return True
        except psutil.Error:
            return False

    def record(self, step: str, **facts: Any) -> None:
        """Add facts to a step: `status`, `seconds`, `read`, `outputs`, `metrics`, `resources`, `expectations`."""
        self.reload()
        self.steps.setdefault(step, {"status": "running"}).update(facts)
        _write(self.folder / MANIFEST, self.manifest)

    def begin(self, step: str, fingerprint: str, **about: Any) -> None:
        """Start a step afresh, with these facts about it; what an earlier attempt left in the manifest is dropped.

        So are its files: carried over they are an earlier run's too, whose record they would change if written into.
        The steps after it have gone on from what it made before, so that none of them is as it was.
        """
        self.reload()
        before = self.steps.get(step, {}).get("outputs", {}).values()
        for name in (f"{step}.ipynb", *(entry["path"] for entry in before)):
            (self.folder / name).unlink(missing_ok=True)
        for name, facts in self.steps.items():
            if name > step:
                facts["fingerprint"] = ""
        self.steps[step] = {"status": "running", "fingerprint": fingerprint, "started": now(), "resources": {}, **about}
        self.manifest["steps"] = dict(sorted(self.steps.items()))
        _write(self.folder / MANIFEST, self.manifest)

    def carry(self, step: str, source: "Run") -> None:
        """Take over an unchanged step, and its files, from an earlier run."""
        facts = dict(source.steps[step], carried_from=source.steps[step].get("carried_from") or source.run_id)
        facts["outputs"] = {name: self._link(entry, source) for name, entry in facts.get("outputs", {}).items()}
        for suffix in (".ipynb", ".html"):
            if (source.folder / f"{step}{suffix}").exists():
                _hard_link(source.folder / f"{step}{suffix}", self.folder / f"{step}{suffix}")
        self.record(step, **facts)

    def _link(self, entry: dict[str, Any], source: "Run") -> dict[str, Any]:
        old = source.folder / entry["path"]
        _hard_link(old, self.folder / entry["path"])
        return entry

    def resource(self, name: str) -> str:
        """The ARN, URL or name an earlier step recorded. Raises NotebookError naming the notebook to run first."""
        for step in self.steps.values():
            if name in step.get("resources", {}):
                return step["resources"][name]
        raise self._without("resources", name)

    @property
    def resources(self) -> dict[str, str]:
        """Every recorded resource, in order of creation."""
        return {name: value for step in self.steps.values() for name, value in step.get("resources", {}).items()}

    def output(self, name: str) -> Path:
        """The path of a file an earlier step recorded. Raises NotebookError when it is missing."""
        for step in self.steps.values():
            if name in step.get("outputs", {}):
                return self.folder / step["outputs"][name]["path"]
        raise self._without("outputs", name)

    def _without(self, kind: str, name: str) -> NotebookError:
        """What to do where no step recorded that resource or output: the newest run that has it shows the way."""
        suffix = self.manifest["params"]["aws"]["environment_suffix"]
        for run in reversed(all_runs(self.folder.parent)):
            if run.manifest["params"]["aws"]["environment_suffix"] == suffix:
                for step, facts in run.steps.items():
                    if name in facts.get(kind, {}):
                        return NotebookError(
                            f"run {self.run_id} has no {name} yet: {step} makes it; run that first, and what is before "
                            f'it, or go on with an earlier run by run_id = "{run.run_id}" in the parameters cell'
                        )
        return NotebookError(
            f"run {self.run_id} has no {name} yet: run the earlier notebooks first, in the order of their numbers"
        )

    def describe(self, path: Path) -> dict[str, Any]:
        """A file as the manifest notes it: path within the run, size in bytes, sha256."""
        return {"path": str(path.relative_to(self.folder)), "bytes": path.stat().st_size, "sha256": sha256(path)}


def create(values: Params, origin: dict[str, str], params_file: str) -> Run:
    """A new run folder with an empty manifest. Its id is the time and the environment: `20261123-184502-dev`."""
    runs_folder = resolve(values.run.runs_folder)
    stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{values.aws.environment_suffix}"
    run_id, count = stem, 1
    while (runs_folder / run_id).exists():
        run_id, count = f"{stem}-{count}", count + 1
    folder = runs_folder / run_id
    folder.mkdir(parents=True)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "created": now(),
        "params_file": params_file,
        "params": values.model_dump(),
        "origin": origin,
        "steps": {},
    }
    _write(folder / MANIFEST, manifest)
    return Run(folder)


@contextmanager
def exclusive_run(values: Params) -> Iterator[None]:
    """Run this environment's notebooks in no other process meanwhile. Raises NotebookError naming the one that does."""
    suffix = values.aws.environment_suffix
    path = _lock(resolve(values.run.runs_folder), suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with this process, however that ends
        except BlockingIOError as error:
            file.seek(0)
            raise NotebookError(
                f'environment "{suffix}" is run already by process {file.read().strip()}: wait for it, or end it'
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _lock(runs_folder: Path, suffix: str) -> Path:
    return runs_folder / f".{suffix}.lock"


def all_runs(runs_folder: Path) -> list[Run]:
    """Every run in a folder, oldest first; folders without a manifest are not runs."""
    folders = sorted(path.parent for path in runs_folder.glob(f"*/{MANIFEST}"))
    return sorted((Run(folder) for folder in folders), key=lambda run: run.manifest["created"])


def latest(values: Params) -> Run | None:
    """The newest run of this environment, whatever state it is in."""
    suffix = values.aws.environment_suffix
    runs = all_runs(resolve(values.run.runs_folder))
    return next((run for run in reversed(runs) if run.manifest["params"]["aws"]["environment_suffix"] == suffix), None)


def find(run_id: str, values: Params) -> Run:
    """The run of that id; the newest of this environment for an empty one. Raises NotebookError when there is none."""
    if not run_id:
        run = latest(values)
        if run is None:
            raise NotebookError(f'no run of environment "{values.aws.environment_suffix}" yet: start with 01_data_prep')
        return run
    folder = resolve(values.run.runs_folder) / run_id
    if not (folder / MANIFEST).exists():
        raise NotebookError(f"no run {run_id} in {folder.parent}; `recsys runs` lists them")
    return Run(folder)


def fingerprint(notebook: Path, injected: dict[str, Any], inputs: list[Path], before: str) -> str:
    """16 hex digits of what a step's result depends on beside the parameters it reads.

    That is its code and the package's, the values of its parameters cell, its input files and the step before.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))  # nbformat costs a second to import, in every kernel
    cells = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    facts = [cells, injected, _package_digest(), [sha256(path) for path in inputs], before]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _package_digest() -> str:
    package = Path(__file__).parent
    sources = sorted(path for pattern in ("**/*.py", "**/*.yaml") for path in package.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _hard_link(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    if not new.exists():
        os.link(old, new)


def _write(path: Path, manifest: dict[str, Any]) -> None:
    replace_text(path, json.dumps(manifest, indent=2, default=str) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise NotebookError(
            f"{path}: not a readable manifest ({error}); remove the run folder and run again"
        ) from error
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise NotebookError(
            f"{path}: schema version {manifest.get('schema_version')}, expected {SCHEMA_VERSION}; start a new run"
        )
    return manifest
