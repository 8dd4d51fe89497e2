"""Models on disk: one .npy file per array, memory-mapped on load, and a meta.json that vouches for each of them.

`sha256sum --check meta.sha256` vouches for meta.json. Processes that load the same model share its arrays: the kernel
keeps each page of a file in memory once.
"""

import json
import os
import tempfile
import time
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recsys.errors import ModelError
from recsys.files import sha256

VERSION = 3
META = "meta.json"
META_SUM = "meta.sha256"
ITEM_IDS = "item_ids.json"
READS, PAUSE = 20, 0.01  # how often a model that is being replaced is read, and seconds in between


@dataclass(frozen=True)
class Stored:
    """What a model is on disk: its class name, named arrays, item ids and JSON-able settings."""

    kind: str
    arrays: dict[str, np.ndarray]
    item_ids: np.ndarray
    meta: dict[str, Any]


def write_model(folder: str | Path, stored: Stored) -> None:
    """Write beside `folder` and rename, so that a reader never meets half a model; the model there is replaced.

    Raises ModelError when the disk refuses, where the old model stays and nothing else is left behind; and where
    `folder` holds anything but a model.
    """
    place = Path(os.path.realpath(folder))  # a link stays, and what it leads to is replaced
    try:
        if place.exists() and not (place / META).is_file() and (place.is_file() or any(place.iterdir())):
            raise ModelError(f"{folder} is no model, and a save would delete it: choose a folder of the model's own")
        _replace(place, stored)
    except OSError as error:
        raise ModelError(f"{folder}: not saved ({error}); free some space or choose another folder") from error


def read_model(folder: str | Path, known: tuple[str, ...]) -> Stored:
    """Read what write_model wrote, every file checked against its sha256; arrays are memory-mapped.

    One that is replaced meanwhile is read again. Raises ModelError for a file that is missing, cut short, altered or
    not readable, and for a model of another version or kind.
    """
    folder = Path(folder)
    for _ in range(READS):
        before = _generation(folder)
        try:
            stored, failure = _read(folder, known), None
        except ModelError as error:
            failure = error
        except OSError as error:
            failure = ModelError(f"{folder} cannot be read ({error}): restore it or train the model again")
        if before and before == _generation(folder):
            break
        time.sleep(PAUSE)
    else:
        failure = failure or ModelError(f"{folder} was replaced again and again while it was read: try later")
    if failure:
        raise failure
    return stored


def _generation(folder: Path) -> tuple[int, int] | None:
    """Differs after every save, also of the same model; None in the moment in which no model is there."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def _read(folder: Path, known: tuple[str, ...]) -> Stored:
    meta = _read_meta(folder / META)
    if meta.get("version") != VERSION or meta.get("model") not in known:
        raise ModelError(
            f"{folder / META}: model {meta.get('model')!r} of version {meta.get('version')!r} cannot be read; "
            f"this release reads version {VERSION} of {', '.join(known)}: train it again"
        )
    for name, digest in {META: _digest(folder / META_SUM), **meta["sha256"]}.items():
        _verify(folder / name, digest)
    item_ids = np.asarray(json.loads((folder / ITEM_IDS).read_text("utf-8")), dtype=object)
    arrays = {name: _mapped(folder / f"{name}.npy") for name in meta["arrays"]}
    return Stored(meta["model"], arrays, item_ids, meta["about"])


def _mapped(path: Path) -> np.ndarray:
    """An array that stays on disk, each of its pages touched once: a first touch later costs a request milliseconds."""
    array = np.load(path, mmap_mode="r")
    array.reshape(-1)[:: PAGESIZE // array.itemsize].sum()
    return array


def as_bytes(value: Any) -> np.ndarray:
    """JSON text of `value` as an array (n,) uint8: how names and vocabularies are stored beside a model's numbers."""
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), np.uint8)


def from_bytes(array: np.ndarray) -> Any:
    """What `as_bytes` was given."""
    return json.loads(array.tobytes().decode("utf-8", "surrogatepass"))


def table_arrays(name: str, table: sparse.csr_array) -> dict[str, np.ndarray]:
    """A sparse table as arrays called after `name`."""
    parts = {"data": table.data, "indices": table.indices, "indptr": table.indptr, "shape": np.array(table.shape)}
    return {f"{name}_{part}": array for part, array in parts.items()}


def table_from(arrays: dict[str, np.ndarray], name: str) -> sparse.csr_array:
    """What `table_arrays` was given."""
    data, indices, indptr, shape = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr", "shape"))
    return sparse.csr_array((data, indices, indptr), shape=tuple(shape.tolist()))


def _replace(folder: Path, stored: Stored) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        draft, old = Path(scratch) / "new", Path(scratch) / "old"
        draft.mkdir()
        _write_files(draft, stored)
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(draft, folder)
        except BaseException:
            if old.exists():
                os.replace(old, folder)
            raise


def _write_files(folder: Path, stored: Stored) -> None:
    (folder / ITEM_IDS).write_text(json.dumps(list(stored.item_ids)), "utf-8")
    for name, array in stored.arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    meta = {
        "version": VERSION,
        "model": stored.kind,
        "arrays": list(stored.arrays),
        "sha256": {path.name: sha256(path) for path in sorted(folder.iterdir())},
        "about": stored.meta,
    }
    (folder / META).write_text(json.dumps(meta, indent=1), "utf-8")
    (folder / META_SUM).write_text(f"{sha256(folder / META)}  {META}\n", "utf-8")


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text("utf-8"))
        return {**meta, "sha256": dict(meta["sha256"]), "arrays": list(meta["arrays"]), "about": dict(meta["about"])}
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist: no model was saved there; train one first") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(f"{path} is damaged ({error!r}): restore it or train the model again") from None


def _digest(path: Path) -> str:
    """The sha256 in a file as sha256sum writes it; nothing where there is no such file."""
    return path.read_text("utf-8", "replace").partition(" ")[0] if path.is_file() else ""


def _verify(path: Path, digest: str) -> None:
    if not path.is_file():
        raise ModelError(f"{path} is missing: restore it or train the model again")
    if sha256(path) != digest:
        raise ModelError(f"{path} was cut short or altered since it was saved: restore it or train the model again")
