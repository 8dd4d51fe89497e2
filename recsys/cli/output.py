"""What a command prints: lines, JSON, tables."""

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def line(text: str) -> None:
    console.print(f"  {text}")


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))


def print_rows(rows: list[dict[str, Any]], as_json: bool, empty: str = "nothing") -> None:
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False, show_header=any(key.strip() for key in rows[0]))
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
