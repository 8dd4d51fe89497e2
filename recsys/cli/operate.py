"""What is done with a system that stands."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from recsys import params as parameters
from recsys.cli.connection import connect
from recsys.cli.options import AsJson, ParamsFile, Settings, assigned
from recsys.cli.output import console, line, print_json, print_rows
from recsys.columns import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import DataError

COLUMNS = (USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE)  # of what users did; the params may map those of other files too

app = typer.Typer()


@app.command(epilog="Example: recsys retrain --params params/aws.yaml")
def retrain(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """Train anew now, by what RetrainingSchedule deployed: each new version goes live unless it measures worse.

    A retraining under way is followed to its end instead. Fails where one does not go live; billed on AWS as a training
    of each solution.
    """
    from recsys import operate

    values, _ = parameters.load(params, settings=settings)
    connect(values)
    hours = values.aws.wait_hours
    outcome = operate.retrain(values.aws.environment_suffix, timeout=hours * 3600, report=None if json else line)
    if json:
        print_json(outcome)
    else:
        print_rows(operate.verdicts(outcome), json)
    if outcome["outcome"] != "live":
        raise typer.Exit(1)


@app.command(epilog="Example: recsys experiment longer-history --events clicks.csv --type purchase")
def experiment(
    name: Annotated[str, typer.Argument(help="The experiment's name.")],
    events: Annotated[Path, typer.Option(help="A CSV or Parquet file of what users did since it began.")],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="Our column=yours, over the params' own.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="EVENT_TYPE that counts; may be repeated; else all.")] = None,
    route: Annotated[str, typer.Option(help="recommendations, similar-items or rankings.")] = "recommendations",
    since: Annotated[datetime | None, typer.Option(help="From this moment on (UTC); else all the log knows.")] = None,
    baseline: Annotated[str | None, typer.Option(help="The variant to beat; the one with most users, if none.")] = None,
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    json: AsJson = False,
) -> None:
    """What an experiment has found: the users of each variant, by the API's log, and what they did from then on."""
    from recsys import deploy
    from recsys.data import sources
    from recsys.operate import compare, exposures

    values, _ = parameters.load(params, settings=settings)
    connect(values)
    function = deploy.api_function(values.stack_name)
    pairs = assigned(mapping, "OURS=YOURS, such as USER_ID=customer", "--map ")
    asked = {ours: theirs for ours, theirs in values.data.column_mapping.items() if ours in COLUMNS} | pairs
    written = {"column_mapping": asked, "encoding": values.data.encoding, "timezone": values.data.timezone}
    loaded = sources.load("file", events.resolve(), **written)
    done = loaded.events
    if unknown := set(type or ()) - set(done[EVENT_TYPE]):
        there = ", ".join(sorted(set(done[EVENT_TYPE])))
        raise DataError(f"{events}: no event of type {', '.join(sorted(unknown))}; there are {there}")
    counted = done[done[EVENT_TYPE].isin(type)] if type else done
    begun = since.replace(tzinfo=UTC) if since else None
    verdict = compare(exposures(function, name, route, begun), counted, baseline)
    print_rows(verdict.rows(), json)
    for note in (*loaded.notes, *verdict.notes()):
        console.print(note, style="yellow") if not json else typer.echo(note, err=True)
