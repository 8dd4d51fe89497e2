"""From a person's files to parameters that run them."""

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys import params as parameters
from recsys.cli import data
from recsys.cli.options import mapped
from recsys.cli.output import console, print_rows
from recsys.errors import DataError, ParamsError
from recsys.files import root
from recsys.params import writing
from recsys.params.sections import LONGEST_SUFFIX

if TYPE_CHECKING:
    from recsys.data.recognition import Recognised

OPTIONS = {"column_mapping": "--map", "encoding": "--encoding", "timezone": "--timezone"}
USUAL = ({}, "utf-8", "UTC")

app = typer.Typer()


@app.command("init", epilog="Example: recsys init data/raw/clicks.csv --items data/raw/products.csv")
def init(
    file: Annotated[Path, typer.Argument(help="Your interactions, CSV or Parquet: who, what and when at least.")],
    items: Annotated[Path | None, typer.Option(help="Your table of items.")] = None,
    users: Annotated[Path | None, typer.Option(help="Your table of users.")] = None,
    name: Annotated[str | None, typer.Option(help="Of params file and environment; if none, the file's.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="Our column=yours, where it is not found; may be repeated.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Text encoding of CSV files.")] = "utf-8",
    timezone: Annotated[str, typer.Option(help="Of times that name none.")] = "UTC",
) -> None:
    """Find out what your columns are, write a params file that reads them, and check the data."""
    from recsys.data.adoption import adopt

    suffix = writing.suffix_of(name or file.name.split(".")[0])
    if not suffix or suffix != (name or suffix):
        hint = f", such as {suffix}" if suffix else ""
        raise ParamsError(
            f'--name "{name or file.name}": give up to {LONGEST_SUFFIX} lower-case letters, digits and hyphens{hint}'
        )
    paths = {"data_file": file, "items_file": items, "users_file": users}
    paths = {parameter: path.expanduser().resolve() for parameter, path in paths.items() if path}
    writing.require_free(suffix)
    try:
        adopted = adopt(**paths, given=mapped(mapping), encoding=encoding, timezone=timezone)
        columns = adopted.column_mapping()
    except DataError as error:
        raise DataError(re.sub(r"data\.(\w+)", lambda match: OPTIONS.get(match[1], match[0]), str(error))) from None
    for parameter, path in paths.items():
        print_rows(_rows(path.name, adopted.tables[parameter]), False)
        console.print()
    read = {"source": "file", **{parameter: _short(path) for parameter, path in paths.items()}}
    read |= {f"{what}_metadata": adopted.metadata(f"{what}s_file") for what in ("item", "user")}
    read |= {"column_mapping": columns, "encoding": encoding, "timezone": timezone}
    values: dict[str, Any] = {"data": {name: value for name, value in read.items() if value not in USUAL}}
    if adopted.purchase_events:
        values["serving"] = {"purchase_events": adopted.purchase_events}
    remark = f"{file.name} on the embedded AWS; params/base.yaml tells of all that is not named here."
    written = writing.create(suffix, parameters.load()[0].aws.endpoint, values, remark)
    console.print(f"{_short(written)}, to be looked through and changed:")
    typer.echo(textwrap.indent(written.read_text(encoding="utf-8"), "  "))
    data.check(params=_short(written))
    console.print(f"next: recsys run --params {_short(written)}")


def _rows(file: str, found: "Recognised") -> list[dict[str, str]]:
    """What each column of a file is taken for."""
    rows = [
        {file: each.theirs, "is": each.ours, "why": each.why, "such as": ", ".join(each.examples)}
        for each in found.columns
    ]
    unused = ({file: name, "is": "not used", "why": reason, "such as": ""} for name, reason in found.unused.items())
    return [*rows, *unused]


def _short(path: Path) -> str:
    return str(path.relative_to(root()) if path.is_relative_to(root()) else path)
