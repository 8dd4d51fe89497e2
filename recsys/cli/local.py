"""The embedded AWS: start, stop, look, empty, point programs at it."""

import os
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from recsys.cli.connection import down_command
from recsys.cli.options import STATE, AsJson
from recsys.cli.output import console, line, print_json, print_rows
from recsys.files import resolve
from recsys.http import past_proxies

app = typer.Typer(no_args_is_help=True, help="The embedded AWS: one local process.", epilog="Example: recsys local up")

Port = Annotated[int, typer.Option(help="Port of the embedded AWS, on loopback.")]
State = Annotated[Path, typer.Option(help="State folder.")]
MOMENTS = ("started", "saved_at")  # epoch seconds


@app.command("up", epilog="Example: recsys local up --port 4567")
def up(
    port: Port = 4566,
    state: State = Path(STATE),
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
    os.environ.update(past_proxies())  # Personalize alone may find S3 on this machine
    server = launcher.up(port, resolve(state), report=line, options=options)
    console.print(f"{options.name} answers at {server.endpoint}; stop it with: {down_command(state)}")


@app.command("down", epilog="Example: recsys local down")
def down(state: State = Path(STATE)) -> None:
    """Stop the embedded AWS; its state stays."""
    from recsys.local import launcher

    console.print("stopped" if launcher.down(resolve(state), report=line) else "it was not running")


@app.command("status", epilog="Example: recsys local status --json")
def status(state: State = Path(STATE), json: AsJson = False) -> None:
    """Whether the embedded AWS runs, where, since when, and what it recovered at its start."""
    from recsys.local import launcher

    found = launcher.status(resolve(state))
    facts = {"running": found.running, "endpoint": found.endpoint, "state": str(found.state), "pid": found.pid}
    facts |= found.health or {}
    if json:
        print_json(facts)
    else:
        print_rows([{"": key, " ": value} for key, value in _facts(facts)], False)
        if found.unsaved:
            console.print(f"{found.unsaved}: what is made meanwhile is lost if the server ends before it can")


def _facts(facts: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """Each fact that says something, those of a part under its name, and moments as a person reads them."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{of}{name} ")
        elif value not in (None, "", []):
            told = f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC" if name in MOMENTS else value
            yield f"{of}{name}".replace("_", " "), told


@app.command("calls", epilog="Example: recsys local calls --denied")
def calls(
    denied: Annotated[bool, typer.Option("--denied", help="Only what a role was denied.")] = False,
    state: State = Path(STATE),
    json: AsJson = False,
) -> None:
    """What each IAM role asked for since the start, and whether its policies allow it."""
    from recsys.local import launcher

    found = [call for call in launcher.calls(resolve(state)) if not (denied and call["allowed"])]
    if json:
        print_json(found)
    else:
        verdict = {True: "allowed", False: "denied"}
        rows = [{**call, "allowed": verdict[call["allowed"]]} for call in found]
        shown = {"role": "role", "action": "action", "resource": "resource", "allowed": "verdict", "count": "times"}
        print_rows([{title: row[name] for name, title in shown.items()} for row in rows], False, "no calls")


@app.command("reset", epilog="Example: recsys local reset --yes")
def reset(
    state: State = Path(STATE),
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
) -> None:
    """Stop the embedded AWS and remove everything it holds."""
    from recsys.local import launcher

    if not yes:
        typer.confirm(f"Remove everything in {state}?", abort=True)
    launcher.reset(resolve(state), report=line)


@app.command("env", epilog='Example: eval "$(recsys local env)" && aws personalize list-campaigns')
def env(
    port: Annotated[int | None, typer.Option(help="Port; without it, that of the server of the state folder.")] = None,
    state: State = Path(STATE),
    json: AsJson = False,
) -> None:
    """The exports that point any AWS program at the embedded AWS, or only its Personalize at Personalize alone."""
    from recsys.local import launcher

    exports = launcher.exports(resolve(state), port) | past_proxies()
    if json:
        print_json(exports)
    else:
        for name, value in exports.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
