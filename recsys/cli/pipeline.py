"""The pipeline: run it, look at its runs, check what it needs."""

from typing import Annotated

import typer

from recsys import aws, runs
from recsys import params as parameters
from recsys.cli.connection import connect, export, stop_command
from recsys.cli.options import AsJson, MaxUsd, ParamsFile, Settings
from recsys.cli.output import console, print_json, print_rows
from recsys.errors import AwsError, NotebookError, ParamsError
from recsys.files import resolve
from recsys.params import Params

app = typer.Typer()
params_app = typer.Typer(no_args_is_help=True, help="Parameters.", epilog="Example: recsys params check")


@app.command(epilog="Example: recsys run --from 03 --set training.seed=3")
def run(
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    start: Annotated[str | None, typer.Option("--from", help="First notebook to run, such as 03.")] = None,
    only: Annotated[str | None, typer.Option(help="Run this notebook only.")] = None,
    force: Annotated[bool, typer.Option(help="Run again what is unchanged.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what a whole run would create where nothing is; create nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option(help="Do not ask before creating what AWS bills.")] = False,
    max_usd: MaxUsd = None,
) -> None:
    """Run the notebooks in order, skipping what is unchanged."""
    values, origin = parameters.load(params, settings=settings)
    if dry_run:
        if start or only:
            raise ParamsError("--dry-run tells a whole run that finds nothing there: leave out --from and --only")
        from recsys import plan

        plan.show(plan.plan(values), values, console)
        return
    from recsys import resources, runner, summary
    from recsys.cli.estimates import confirm_costs

    export(settings)
    if not all(map(runner.by_hand, runner.select(runner.notebooks(), start, only))):
        confirm_costs(values, yes, max_usd, _standing(values))
    connect(values, start_it=True)
    try:
        done = runner.execute(
            values, origin, params, exists=resources.exists, start=start, only=only, force=force, console=console
        )
    except NotebookError as error:
        raise NotebookError(f"{error}{_goes_on_costing(values)}") from error
    summary.show(done, console, stop_command(values))


def _goes_on_costing(values: Params) -> str:
    """What is to be known of a run that failed on AWS: a campaign costs by the hour, and so does an endpoint."""
    if values.aws.endpoint:
        return ""
    ask, end = values.command("recsys cost --standing"), values.command("recsys destroy")
    return f"; what it made goes on costing meanwhile: {ask} tells how much, {end} ends it"


def _standing(values: Params) -> dict[str, str]:
    """What the stack has, which the notebooks leave as it is; nothing where AWS cannot be asked."""
    from recsys.cli.estimates import given_earlier

    if values.aws.endpoint:  # where nothing is billed
        return {}
    aws.connect(values.aws.region)
    try:
        aws.call(aws.client("sts", patience=5).get_caller_identity)  # asked once: without a network all others try on
        return given_earlier(values)
    except AwsError:
        return {}


@app.command(epilog="Example: recsys status --json")
def status(
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    json: AsJson = False,
    check: Annotated[bool, typer.Option(help="Fail unless the newest run is whole and its API answers.")] = False,
) -> None:
    """The newest run of this environment: its steps, and whether what it made still stands."""
    from recsys import summary

    values, _ = parameters.load(params, settings=settings)
    connect(values)
    newest = runs.find("", values)
    if json:
        print_json(newest.manifest)
    else:
        summary.show(newest, console, stop_command(values))
    if check:
        summary.check(newest)
        console.print("checked: every step is done, every resource stands, the API answers")


@app.command("runs", epilog="Example: recsys runs --json")
def list_runs(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """All runs, oldest first."""
    values, _ = parameters.load(params, settings=settings)
    found = runs.all_runs(resolve(values.run.runs_folder))
    rows = [
        {"run": one.run_id, "status": one.status, "params": one.manifest["params_file"], "steps": len(one.steps)}
        for one in found
    ]
    print_rows(rows, json, empty="no runs yet: start with `recsys run`")


@app.command(epilog="Example: recsys report")
def report(
    run_id: Annotated[str, typer.Argument(help="Run; the newest by default.")] = "",
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
) -> None:
    """Write a run's report as one HTML page and print its path."""
    from recsys import report

    values, _ = parameters.load(params, settings=settings)
    typer.echo(report.report(runs.find(run_id, values).folder))


@app.command(epilog="Example: recsys doctor --params params/aws.yaml")
def doctor(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """Check what the pipeline needs, and name the remedy for what is missing."""
    from recsys import doctor
    from recsys.local.processes import occupant

    values, _ = parameters.load(params, settings=settings)
    aws.connect(values.aws.region, values.aws.endpoint)
    found = doctor.examine(values, occupant)
    print_rows(found, json)
    if any(row["ok"] == "no" for row in found):
        raise typer.Exit(1)


@params_app.command("check", epilog="Example: recsys params check --params params/aws.yaml --set training.seed=3")
def params_check(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """The merged parameters, and where each value comes from."""
    values, origin = parameters.load(params, settings=settings)
    merged = values.model_dump()
    rows = [
        {"parameter": key, "value": merged[key.split(".")[0]][key.split(".")[1]], "from": source}
        for key, source in origin.items()
    ]
    print_rows(rows, json)
