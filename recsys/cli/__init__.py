"""The command line: parse, call, print. Nothing is decided here.

Every failure meant for a person is one line on standard error and exit code 1; `--debug` shows the traceback.
"""

import sys
from typing import Annotated

import typer

from recsys import __version__
from recsys.cli import data, init, local, operate, pipeline, stack
from recsys.errors import RecsysError

INTERRUPTED = 130  # the exit code of what Ctrl-C ended

app = typer.Typer(
    name="recsys",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From raw interactions to a live recommendation API on AWS, with or without an AWS account.",
    epilog="Example: recsys run",
)
app.add_typer(init.app)
app.add_typer(pipeline.app)
app.add_typer(stack.app)
app.add_typer(operate.app)
app.add_typer(local.app, name="local")
app.add_typer(pipeline.params_app, name="params")
app.add_typer(data.app, name="data")


def main() -> None:
    """The `recsys` command."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="recsys", standalone_mode=True)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.echo("interrupted; the same command again goes on from what is done", err=True)
        raise
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
