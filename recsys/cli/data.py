"""Data sets: make one, fetch one, check one."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from recsys import params as parameters
from recsys.cli.options import AsJson, ParamsFile, assigned
from recsys.cli.output import console, line, print_json, print_rows
from recsys.files import resolve

app = typer.Typer(no_args_is_help=True, help="Data sets.", epilog="Example: recsys data check shop.csv")


@app.command("generate", epilog="Example: recsys data generate --users 5000 --items 2000 --folder data/raw/shop")
def generate(
    folder: Annotated[Path, typer.Option(help="Where the three tables go.")] = Path("data/sample"),
    users: Annotated[int | None, typer.Option(min=25, help="Users of the sample shop.")] = None,
    items: Annotated[int | None, typer.Option(min=48, help="Items it sells.")] = None,
    days: Annotated[int | None, typer.Option(min=7, help="Days it was open.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same one gives the same shop.")] = None,
) -> None:
    """Make the sample shop: drifting tastes, baskets in which one item leads to the next, new items, seasons."""
    from recsys.data import generate

    chosen = {"users": users, "items": items, "days": days, "seed": seed}
    for path in generate.sample(resolve(folder), **{k: v for k, v in chosen.items() if v is not None}):
        console.print(str(path))


@app.command("fetch", epilog="Example: recsys data fetch online-retail --from ~/Downloads/online_retail.zip")
def fetch(
    name: Annotated[str, typer.Argument(help="Data set: online-retail.")],
    source: Annotated[Path | None, typer.Option("--from", help="A copy at hand: zip, xlsx, csv or parquet.")] = None,
    to: Annotated[Path, typer.Option(help="Where it goes.")] = Path("data/raw"),
) -> None:
    """Fetch a public data set, verify its content, and keep it where the params file expects it."""
    from recsys.data import fetch

    console.print(str(fetch.fetch(name, resolve(to), source and source.resolve(), report=line)))


@app.command("check", epilog="Example: recsys data check shop.csv --map USER_ID=customer --map ITEM_ID=sku")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV or Parquet file of interactions; if none, the params'.")
    ] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="Our column=yours; may be repeated.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Text encoding of a CSV; if none, the params'.")] = None,
    params: ParamsFile = parameters.DEFAULT_FILE,
    json: AsJson = False,
) -> None:
    """The quality report of a file, or of all that a params file names, and whether it is enough to train on."""
    from recsys.data import PREPARE_ARGUMENTS, checks, prepare

    values, _ = parameters.load(params)
    asked = values.data.model_dump(include=PREPARE_ARGUMENTS)
    asked |= {"source": "file", "data_file": file.resolve()} if file else {}
    asked |= {"encoding": encoding} if encoding else {}
    asked["column_mapping"] |= assigned(mapping, "OURS=YOURS, such as USER_ID=customer", "--map ")
    prepared = prepare(**asked, purchase_events=values.serving.purchase_events)
    report, facts = prepared.report, dict(prepared.describe().itertuples(index=False))
    if json:
        problems = json_format.loads(report.to_frame().to_json(orient="records"))
        told = {"source": report.source, "rows": report.rows, "kept": report.kept}
        print_json({**told, "problems": problems, "notes": report.notes, "facts": facts})
        return
    typer.echo(report)
    print_rows([{"": fact, " ": value} for fact, value in facts.items()], False)
    needed = f"{checks.LEAST_INTERACTIONS:,} interactions and {checks.LEAST_USERS} users with two or more"
    console.print(f"enough to train on: Personalize needs {needed}, without the newest that notebook 01 holds back")
