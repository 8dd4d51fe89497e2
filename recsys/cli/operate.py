"""What is done with a system that stands."""

import typer

from recsys import params as parameters
from recsys.cli.connection import connect
from recsys.cli.options import AsJson, ParamsFile, Settings
from recsys.cli.output import line, print_json, print_rows

app = typer.Typer()


@app.command(epilog="Example: recsys retrain --params params/aws.yaml")
def retrain(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """Train anew now, by what RetrainingSchedule deployed: the new version goes live unless it measures worse.

    Fails where it does not go live; billed on AWS as a training.
    """
    from recsys.operate import retrain as begin

    values, _ = parameters.load(params, settings=settings)
    connect(values)
    hours = values.aws.wait_hours
    told = begin(values.aws.environment_suffix, timeout=hours * 3600, report=None if json else line)
    if json:
        print_json(told)
    else:
        print_rows([{"retraining": name, "": value} for name, value in told.items()], json)
    if told["outcome"] != "live":
        raise typer.Exit(1)
