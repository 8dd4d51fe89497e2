"""Data sets: make one, fetch one, check one."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys import params as parameters
from recsys.cli.options import AsJson, ParamsFile, Settings, mapped
from recsys.cli.output import console, line, print_json, print_rows
from recsys.columns import EVENT_TYPE
from recsys.errors import DataError
from recsys.files import resolve
from recsys.params import Params

if TYPE_CHECKING:
    import pandas as pd  # half a second, which other commands need not wait

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
    timezone: Annotated[str | None, typer.Option(help="Of times that name none; if none, the params'.")] = None,
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    json: AsJson = False,
) -> None:
    """The quality report of a file, or of all that a params file names, and whether it is enough for a run."""
    from recsys.data import PREPARE_ARGUMENTS, prepare

    values, _ = parameters.load(params, settings=settings)
    asked = values.data.model_dump(include=PREPARE_ARGUMENTS)
    given = {
        "source": file and "file",
        "data_file": file and file.resolve(),
        "encoding": encoding,
        "timezone": timezone,
    }
    asked |= {name: value for name, value in given.items() if value}
    asked["column_mapping"] |= mapped(mapping)
    try:
        prepared = prepare(**asked, purchase_events=values.serving.purchase_events)
    except DataError as error:
        raise (DataError(str(error).replace("data.column_mapping", "--map")) if mapping else error) from None
    report, facts = prepared.report, dict(prepared.describe().itertuples(index=False))
    if json:
        problems = json_format.loads(report.to_frame().to_json(orient="records"))
        told = {"source": report.source, "rows": report.rows, "kept": report.kept}
        print_json({**told, "problems": problems, "notes": report.notes, "facts": facts})
    else:
        typer.echo(report)
        print_rows([{"": fact, " ": value} for fact, value in facts.items()], False)
    missing = _require_enough(prepared.interactions, values)
    if not json:
        console.print("\n".join(f"note: {each}" for each in missing) + "\n" * bool(missing) + "enough to train on")


def _require_enough(interactions: "pd.DataFrame", values: Params) -> list[str]:
    """What a run will find less of than the params ask for, in words. Raises DataError where it would fail."""
    from recsys import serve, stream
    from recsys.data import checks, split_by_time

    held_back = split_by_time(interactions, values.data.validation_share, values.data.test_share)["test"]
    training = interactions.drop(held_back.index)
    checks.require_minimums(
        training, f"without the {len(held_back):,} newest held back (data.test_share = {values.data.test_share:g})"
    )
    if values.training.event_type:
        of_type = training[training[EVENT_TYPE] == values.training.event_type]
        checks.require_minimums(of_type, f"of the event type {values.training.event_type} (training.event_type)")
    asked = values.stream.replay_users, values.stream.replay_events
    divided = stream.divide(held_back, *asked, values.training.seed)
    stream.known_to_training(divided.streamed, training)
    serve.held_out_items(divided.test, training, 1, values.training.seed)
    short = stream.shortage(held_back, *asked)
    return [short] if short else []
