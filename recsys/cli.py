"""The command line: parse, call, print. Nothing is decided here.

Every failure meant for a person is one line on standard error and exit code 1; `--debug` shows the traceback.
"""

import json as json_format
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from recsys import __version__, aws, runs
from recsys import params as parameters
from recsys.errors import LocalError, RecsysError
from recsys.params import Params

app = typer.Typer(
    name="recsys",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From raw interactions to a live recommendation API on AWS, with or without an AWS account.",
    epilog="Example: recsys run",
)
local_app = typer.Typer(
    no_args_is_help=True, help="The embedded AWS: one local process.", epilog="Example: recsys local up"
)
params_app = typer.Typer(no_args_is_help=True, help="Parameters.", epilog="Example: recsys params check")
data_app = typer.Typer(no_args_is_help=True, help="Data sets.", epilog="Example: recsys data check shop.csv")
app.add_typer(local_app, name="local")
app.add_typer(params_app, name="params")
app.add_typer(data_app, name="data")

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

ParamsFile = Annotated[str, typer.Option("--params", help="Params file; it holds differences from params/base.yaml.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One parameter, as section.name=value; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Port = Annotated[int, typer.Option(help="Port of the embedded AWS, on loopback.")]
MaxUsd = Annotated[
    float | None, typer.Option(min=0, help="Refuse what is estimated to cost more USD in its first 24 hours.")
]
SIZES = {"ShardCount": "stream.shard_count", "BatchSize": "stream.batch_size"}
SIZES["MinProvisionedTPS"] = "serving.min_provisioned_tps"
STATE = ".recsys"


def main() -> None:
    """The `recsys` command."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="recsys", standalone_mode=True)
    except RecsysError as error:
        if debug:
            raise
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        typer.echo(f"error: {error.filename or 'the system'}: {error.strerror or error}", err=True)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.command(epilog="Example: recsys run --from 03 --set training.seed=3")
def run(
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    start: Annotated[str | None, typer.Option("--from", help="First notebook to run, such as 03.")] = None,
    only: Annotated[str | None, typer.Option(help="Run this notebook only.")] = None,
    force: Annotated[bool, typer.Option(help="Run again what is unchanged.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be created; create nothing.")] = False,
    yes: Annotated[bool, typer.Option(help="Do not ask before creating what AWS bills.")] = False,
    max_usd: MaxUsd = None,
) -> None:
    """Run the notebooks in order, skipping what is unchanged."""
    values, origin = parameters.load(params, settings=settings)
    if dry_run:
        from recsys import plan

        plan.show(plan.plan(values), values, console)
        return
    from recsys import resources, runner, summary

    _export(settings)
    _agreed(values, yes, max_usd)
    _connect(values, start_it=True)
    done = runner.execute(
        values, origin, params, exists=resources.exists, start=start, only=only, force=force, console=console
    )
    summary.show(done, console)


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
    _connect(values)
    newest = runs.find("", values)
    if json:
        _print_json(newest.manifest)
    else:
        summary.show(newest, console)
    if check:
        summary.check(newest)
        console.print("checked: every step is done, every resource stands, the API answers")


@app.command("runs", epilog="Example: recsys runs --json")
def list_runs(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """All runs, oldest first."""
    values, _ = parameters.load(params, settings=settings)
    found = runs.all_runs(parameters.resolve(values.run.runs_folder))
    rows = [
        {"run": one.run_id, "status": one.status, "params": one.manifest["params_file"], "steps": len(one.steps)}
        for one in found
    ]
    _print_rows(rows, json, empty="no runs yet: start with `recsys run`")


@app.command(epilog="Example: recsys report")
def report(
    run_id: Annotated[str, typer.Argument(help="Run; the newest by default.")] = "",
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
) -> None:
    """Write a run's report as one HTML page and print its path."""
    from recsys.report import report as write

    values, _ = parameters.load(params, settings=settings)
    typer.echo(write(runs.find(run_id, values).folder))


@app.command(epilog="Example: recsys deploy ShardCount=2 TrackingId=0a1b2c3d --yes")
def deploy(
    given: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Template parameters.")] = None,
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    yes: Annotated[bool, typer.Option(help="Do not ask before creating what AWS bills.")] = False,
    max_usd: MaxUsd = None,
    json: AsJson = False,
) -> None:
    """Create the stack or bring it to these parameters, without notebooks; what is not named stays as it is."""
    from recsys.deploy import deploy as bring

    values, _ = parameters.load(params, settings=settings)
    named = dict(map(_assignment, given or []))
    if "EnvironmentSuffix" in named:
        raise RecsysError("EnvironmentSuffix names the stack too: --set aws.environment_suffix=...")
    sizes = [f"{SIZES[name]}={value}" for name, value in named.items() if name in SIZES]
    wanted = {"EnvironmentSuffix": values.aws.environment_suffix, **named}
    _agreed(parameters.load(params, settings=[*(settings or []), *sizes])[0], yes, max_usd)
    _connect(values)
    outputs = bring(values.stack_name, wanted, values.tags("by-hand"), on_event=None if json else _line)
    _print_rows([{"output": name, "value": value} for name, value in outputs.items()], json)


@app.command(epilog="Example: recsys package --bucket my-code")
def package(bucket: Annotated[str, typer.Option(help="Bucket that the Lambda zips are put into.")]) -> None:
    """Put the Lambda zips into a bucket and print the template's parameters that name them, one a line.

    For deployments without params files: account, region and endpoint are those of the environment, as for the AWS CLI.
    """
    from recsys.deploy.package import publish

    for name, key in publish(bucket).items():
        typer.echo(f"{name}={key}")


@app.command(epilog="Example: recsys destroy --yes")
def destroy(
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be removed; remove nothing.")] = False,
) -> None:
    """Remove everything of this environment, in dependency order, and prove that nothing is left."""
    from recsys.deploy import cleanup

    values, _ = parameters.load(params, settings=settings)
    _connect(values)
    names = {"group_name": values.named(values.dataset.dataset_group), "stack_name": values.stack_name}
    standing = cleanup.find(**names)
    if not standing:
        console.print("nothing is left to destroy")
        return
    for resource in standing:
        console.print(f"  {resource}")
    if dry_run:
        return
    if not yes:
        typer.confirm(f"Destroy these {len(standing)} on {aws.endpoint() or 'AWS'}?", abort=True)
    left = cleanup.destroy(**names, report=_line)
    if left:
        raise RecsysError(f"{len(left)} resources are left: {', '.join(map(str, left))}; run the command again")
    console.print("nothing is left: no campaign, solution, filter, tracker, dataset, schema, group, bucket or stack")


@app.command(epilog="Example: recsys template ApiKeyRequired=true > recsys.yaml")
def template(
    given: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Template parameters.")] = None,
) -> None:
    """Print the template for these parameters, for deployments by other tools.

    An API's deployment is a snapshot: here its name follows what is in it, so that a changed API is deployed anew.
    """
    from recsys.deploy.template import body, check

    values = dict(map(_assignment, given or []))
    check(values)
    typer.echo(body(values), nl=False)


@app.command(epilog="Example: recsys cost --params params/aws.yaml --requests 10000000 --max-usd 50")
def cost(
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    requests: Annotated[int, typer.Option(min=0, help="Requests to the API a month.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=0, help="Events a month.")] = 1_000_000,
    users: Annotated[int, typer.Option(min=0, help="Users with a profile.")] = 10_000,
    interactions: Annotated[int, typer.Option(min=1, help="Interactions trained on.")] = 100_000,
    trainings: Annotated[float, typer.Option(min=0, help="Further trainings a month, 4.3 for weekly.")] = 0.0,
    prices: Annotated[str | None, typer.Option(help="YAML file with your own prices over AWS's.")] = None,
    standing: Annotated[bool, typer.Option("--standing", help="What stands now, and its cost so far.")] = False,
    max_usd: MaxUsd = None,
    json: AsJson = False,
) -> None:
    """What the environment costs on AWS: before it is created, or with --standing what it has cost so far."""
    from recsys.deploy import bill, costs
    from recsys.deploy import prices as price_list

    values, _ = parameters.load(params, settings=settings)
    asked = price_list.load(prices)
    if standing:
        from recsys.deploy.standing import standing as stands

        _connect(values)
        found = stands(values.named(values.dataset.dataset_group), values.stack_name, asked)
        rows, said = bill.so_far(found), [f"{each.resource}: {note}" for each in found for note in each.notes]
    else:
        demand = costs.Demand(interactions, users, requests, events, trainings)
        lines = costs.estimate(values, demand, asked)
        rows, said = bill.estimated(lines), bill.sums(lines, asked, demand) + costs.warnings(values, asked, demand)
        bill.refuse_above(max_usd, lines)
    _print_rows(rows if json else bill.written(rows), json, empty="nothing stands that is billed by the hour")
    for line in () if json else said:
        console.print(line)


@app.command(epilog="Example: recsys doctor --params params/aws.yaml")
def doctor(params: ParamsFile = parameters.DEFAULT_FILE, settings: Settings = None, json: AsJson = False) -> None:
    """Check what the pipeline needs, and name the remedy for what is missing."""
    from recsys import doctor as checks

    values, _ = parameters.load(params, settings=settings)
    aws.connect(values.aws.region, values.aws.endpoint)
    found = checks.examine(values)
    _print_rows(found, json)
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
    _print_rows(rows, json)


@local_app.command("up", epilog="Example: recsys local up --port 4567")
def local_up(
    port: Port = 4566,
    state: Annotated[Path, typer.Option(help="State folder.")] = Path(STATE),
    services: Annotated[str, typer.Option(help="all; or personalize: that alone, beside another AWS.")] = "all",
    s3_endpoint: Annotated[
        str | None, typer.Option(help="Where Personalize alone reads S3; without it, where boto3 finds S3.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Account number in the ARNs of Personalize alone.")] = None,
    auto_training: Annotated[bool, typer.Option(help="Let solutions train by themselves on schedule.")] = True,
    day_seconds: Annotated[float | None, typer.Option(help="Seconds a day of Personalize's schedules lasts.")] = None,
    requests_per_second: Annotated[
        float | None, typer.Option(help="Requests of each operation that Personalize takes a second; all, without it.")
    ] = None,
) -> None:
    """Start the embedded AWS, or Amazon Personalize alone; it goes on when this command ends."""
    from recsys.local import launcher
    from recsys.local.options import Options

    given = {
        "s3_endpoint": s3_endpoint,
        "account": account,
        "day_seconds": day_seconds,
        "requests_per_second": requests_per_second,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    options = Options(services, auto_training=auto_training, **chosen)
    server = launcher.up(port, _state(state), report=_line, options=options)
    console.print(f"{options.name} answers at {server.endpoint}; stop it with: recsys local down")


@local_app.command("down", epilog="Example: recsys local down")
def local_down(state: Annotated[Path, typer.Option(help="State folder.")] = Path(STATE)) -> None:
    """Stop the embedded AWS; its state stays."""
    from recsys.local import launcher

    console.print("stopped" if launcher.down(_state(state), report=_line) else "it was not running")


@local_app.command("status", epilog="Example: recsys local status --json")
def local_status(
    state: Annotated[Path, typer.Option(help="State folder.")] = Path(STATE), json: AsJson = False
) -> None:
    """Whether the embedded AWS runs, where, and what it holds."""
    from recsys.local import launcher

    found = launcher.status(_state(state))
    facts = {"running": found.running, "endpoint": found.endpoint, "state": str(found.state), "pid": found.pid}
    facts |= found.health or {}
    if json:
        _print_json(facts)
    else:
        _print_rows([{"": key, " ": value} for key, value in facts.items()], False)


@local_app.command("reset", epilog="Example: recsys local reset --yes")
def local_reset(
    state: Annotated[Path, typer.Option(help="State folder.")] = Path(STATE),
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
) -> None:
    """Stop the embedded AWS and remove everything it holds."""
    from recsys.local import launcher

    if not yes:
        typer.confirm(f"Remove everything in {state}?", abort=True)
    launcher.reset(_state(state), report=_line)


@local_app.command("env", epilog='Example: eval "$(recsys local env)" && aws personalize list-campaigns')
def local_env(
    port: Annotated[int | None, typer.Option(help="Port; without it, that of the server of the state folder.")] = None,
    state: Annotated[Path, typer.Option(help="State folder.")] = Path(STATE),
    json: AsJson = False,
) -> None:
    """The exports that point any AWS program at the embedded AWS, or only its Personalize at Personalize alone."""
    from recsys.local import launcher

    exports = launcher.exports(_state(state), port)
    if json:
        _print_json(exports)
    else:
        for name, value in exports.items():
            typer.echo(f"export {name}={value}")


@data_app.command("generate", epilog="Example: recsys data generate --users 5000 --items 2000 --folder data/raw/shop")
def data_generate(
    folder: Annotated[Path, typer.Option(help="Where the three tables go.")] = Path("data/sample"),
    users: Annotated[int | None, typer.Option(min=25, help="Users of the sample shop.")] = None,
    items: Annotated[int | None, typer.Option(min=48, help="Items it sells.")] = None,
    days: Annotated[int | None, typer.Option(min=7, help="Days it was open.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same one gives the same shop.")] = None,
) -> None:
    """Make the sample shop: drifting tastes, baskets in which one item leads to the next, new items, seasons."""
    from recsys.data import generate

    chosen = {"users": users, "items": items, "days": days, "seed": seed}
    for path in generate.sample(parameters.resolve(folder), **{k: v for k, v in chosen.items() if v is not None}):
        console.print(str(path))


@data_app.command("fetch", epilog="Example: recsys data fetch online-retail --from ~/Downloads/online_retail.zip")
def data_fetch(
    name: Annotated[str, typer.Argument(help="Data set: online-retail.")],
    source: Annotated[Path | None, typer.Option("--from", help="A copy at hand: zip, xlsx, csv or parquet.")] = None,
    to: Annotated[Path, typer.Option(help="Where it goes.")] = Path("data/raw"),
) -> None:
    """Fetch a public data set, verify its content, and keep it where the params file expects it."""
    from recsys.data import fetch

    console.print(str(fetch.fetch(name, parameters.resolve(to), source and source.resolve(), report=_line)))


@data_app.command("check", epilog="Example: recsys data check shop.csv --map USER_ID=customer --map ITEM_ID=sku")
def data_check(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file of interactions.")],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="Our column=yours; may be repeated.")] = None,
    encoding: Annotated[str, typer.Option(help="Text encoding of a CSV.")] = "utf-8",
    json: AsJson = False,
) -> None:
    """The quality report of a file, and whether it is enough to train on."""
    from recsys.data import prepare

    pairs = dict(_pair(text) for text in mapping or [])
    prepared = prepare("file", data_file=file.resolve(), column_mapping=pairs, encoding=encoding)
    _print_rows(json_format.loads(prepared.report.to_frame().to_json(orient="records")), json)


def _agreed(values: Params, yes: bool, max_usd: float | None) -> None:
    """Show what will be billed, and ask, where AWS itself is meant. Raises where it costs more than `max_usd`."""
    if values.aws.endpoint:
        return
    from recsys.deploy import bill, costs
    from recsys.deploy import prices as price_list

    asked = price_list.load()
    demand = costs.Demand()
    lines = costs.estimate(values, demand, asked)
    bill.refuse_above(max_usd, lines)
    aws.connect(values.aws.region)
    aws.client("sts")  # whoever has no credentials need not be asked
    for line in bill.sums(lines, asked, demand) + costs.warnings(values, asked, demand):
        console.print(line)
    if not yes:
        typer.confirm("Create this on AWS?", abort=True)


def _connect(values: Params, start_it: bool = False) -> None:
    """Connect to what the params name; a loopback address nobody serves is our own to start."""
    aws.connect(values.aws.region, values.aws.endpoint)
    if not values.aws.endpoint:
        if start_it:
            aws.account_id()  # refuses at once where credentials are missing, before anything is written
        return
    from recsys.local import launcher

    address = urlsplit(values.aws.endpoint)
    if address.hostname not in aws.LOOPBACK:
        return
    port = address.port or launcher.PORT
    if start_it:
        launcher.up(port, _state(Path(STATE)), report=_line)
    elif not _answers(port):
        raise LocalError(f"nothing answers at {values.aws.endpoint}; start it with: recsys local up --port {port}")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=3).close()
    except OSError:
        return False
    return True


def _export(settings: list[str] | None) -> None:
    """Hand `--set` values on to the notebooks' kernels."""
    for setting in settings or []:
        key, _, text = setting.partition("=")
        section, _, name = key.strip().partition(".")
        os.environ[f"{parameters.ENVIRONMENT_PREFIX}{section.upper()}__{name.upper()}"] = text


def _state(folder: Path) -> Path:
    return parameters.resolve(folder)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals:
        raise RecsysError(f"--map {text}: expected OURS=YOURS, such as USER_ID=customer")
    return ours, theirs


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RecsysError(f"{text}: expected NAME=VALUE, such as ShardCount=2")
    return name, value


def _line(text: str) -> None:
    console.print(f"  {text}")


def _print_json(value: Any) -> None:
    typer.echo(json_format.dumps(value, indent=2, default=str))


def _print_rows(rows: list[dict[str, Any]], as_json: bool, empty: str = "nothing") -> None:
    if as_json:
        _print_json(rows)
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
