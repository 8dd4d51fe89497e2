"""model.tar.gz, extracted whole or not at all."""

import shutil
import tarfile
import zlib
from pathlib import Path


class BadArchive(Exception):
    """The archive cannot be extracted; the message says why."""


def extract(archive: Path, folder: Path) -> None:
    """Extract `archive` into `folder`, in place of what is there. Raises BadArchive, and then leaves nothing.

    Nothing gets outside the folder, nor is anything but files, folders and links within it made (tarfile's data
    filter, PEP 706).
    """
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with tarfile.open(archive, "r:gz") as packed:
            packed.extractall(draft, filter="data")
        draft.mkdir(parents=True, exist_ok=True)  # an archive with nothing in it
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise BadArchive(str(error)) from error
