"""Interactions as a training job is given them: files of a channel, in File mode on one host."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.data import files, tables
from recsys.errors import DataError
from recsys.sagemaker.container.paths import Paths

CHANNEL = "interactions"
COLUMNS = (USER_ID, ITEM_ID, TIMESTAMP)
SUFFIXES = (".csv", ".csv.gz", ".parquet")


def interactions(paths: Paths) -> pd.DataFrame:
    """USER_ID, ITEM_ID and TIMESTAMP (epoch seconds) of all files of the channel, by their names.

    Raises DataError where the channel or a column is missing, no file can be read or several hosts are to train.
    """
    _refuse_others(paths)
    folder = paths.channels / CHANNEL
    if not folder.is_dir():
        others = ", ".join(sorted(path.name for path in paths.channels.glob("*") if path.is_dir()))
        raise DataError(
            f'no channel "{CHANNEL}"; {f"there is {others}" if others else "there is none"}: '
            f"name one so, with CSV or Parquet files of {', '.join(COLUMNS)}"
        )
    inside = files_in(folder)
    readable = [path for path in inside if path.name.endswith(SUFFIXES)]
    if not readable:
        there = ", ".join(path.name for path in inside[:5]) or "nothing"
        raise DataError(f'channel "{CHANNEL}" has no file that ends in {", ".join(SUFFIXES)}; it has {there}')
    return pd.concat([_read(path) for path in readable], ignore_index=True)


def files_in(folder: Path) -> list[Path]:
    """The files in a folder and those below it by name, without what is hidden or in a hidden folder."""
    seen = [path for path in folder.rglob("*") if "/." not in f"/{path.relative_to(folder).as_posix()}"]
    return sorted(path for path in seen if path.is_file())


def _read(path: Path) -> pd.DataFrame:
    if path.suffix != ".parquet":
        return tables.read_table(path, COLUMNS)
    frame = files.rename(files.read(path), dict(zip(COLUMNS, COLUMNS, strict=True)), path, "rename yours")
    return frame.assign(**{name: files.ids_as_text(frame[name]) for name in (USER_ID, ITEM_ID)})


def _refuse_others(paths: Paths) -> None:
    if (mode := _config(paths, "inputdataconfig.json").get(CHANNEL, {}).get("TrainingInputMode", "File")) == "Pipe":
        raise DataError(f'channel "{CHANNEL}" comes in {mode} mode: set its InputMode to File or FastFile')
    if len(hosts := _config(paths, "resourceconfig.json").get("hosts", [])) > 1:
        raise DataError(f"{len(hosts)} instances were asked for, and the training uses one: set InstanceCount to 1")


def _config(paths: Paths, name: str) -> dict[str, Any]:
    """A file that SageMaker writes; nothing where there is none, as for a plain process."""
    path = paths.config / name
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
