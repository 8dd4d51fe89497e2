"""One temporary folder per server, so that nothing is left behind.

MiniStack unpacks every Lambda worker into a `ministack-lambda-*` folder of its own and forgets it. Here everything the
server and its workers put into the temporary directory lies in one folder, named in the state; it goes when the server
stops, and the next start removes what a `kill -9` left. It is not inside the state folder: sockets need short paths.
"""

import os
import shutil
import tempfile
from pathlib import Path

NAME = "temporary-folder"
PREFIX = "recsys-local-"


def claim(state: Path) -> Path:
    """Make this process's temporary folder, after removing the one an earlier server left."""
    note = state / NAME
    if note.exists():
        _remove(Path(note.read_text().strip()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    note.write_text(f"{folder}\n")
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return folder


def release(state: Path, folder: Path) -> None:
    """Remove the folder."""
    _remove(folder)
    (state / NAME).unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    # The note is a file somebody may have edited: nothing but such a folder is ever removed.
    if folder.name.startswith(PREFIX) and folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
