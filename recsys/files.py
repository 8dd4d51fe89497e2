"""Files: where a path leads, what is in it, and new content in its place: a reader meets the old or the new, whole."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.errors import ParamsError


def root() -> Path:
    """The project's root: the nearest folder, from here upwards, that holds params/base.yaml."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    raise ParamsError(f"{here} is not inside the project: no params/base.yaml here or above; cd to the project's root")


def resolve(path: str | Path) -> Path:
    """A path as the project means it: relative ones start at its root, wherever the kernel was started; ~ is home."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else root() / path


def parts(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or those of a folder as Spark, Glue and Athena leave it."""
    if not path.is_dir():
        return [path]
    named = ((part, part.relative_to(path).parts) for part in path.rglob("*") if part.is_file())
    return sorted(part for part, names in named if not any(name.startswith((".", "_")) for name in names))


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path, *, draft: Path | None = None, durable: bool = False) -> Iterator[Path]:
    """Where to write the new content of `path`: a draft that takes its place, in one step, once the block is through.

    Where the block or the disk fails, the old content stays and the draft goes. Only a killed process leaves it; work
    that is taken up again names a `draft` beside `path`, to write over it; else it has a name of its own, so that two
    writers do not meet. `durable` content is on the disk first: it outlives a power failure too, at the cost of a wait.
    """
    draft = draft or path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        yield draft
        if durable:
            with draft.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Replace a text file (UTF-8), durably. Raises OSError; what was there before is then there still."""
    with replacing(path, durable=True) as draft:
        draft.write_text(text, encoding="utf-8")
