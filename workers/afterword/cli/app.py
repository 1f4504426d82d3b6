"""The commands, each registered here and written in the module of its noun.

Each command imports what it needs by itself, since `health` runs every few seconds in every container.
"""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from afterword.cli import analytics, data, deadletters, gateway, ledger, process, recall
from afterword.schemas import AfterwordError

_LONGEST = 1_000

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Long-term memory for AI agents.")
app.add_typer(ledger.agents, name="agents")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(analytics.app, name="analytics")
app.command()(recall.context)
app.command()(recall.search)
app.command()(process.worker)
app.command()(gateway.gateway)
app.command()(ledger.migrate)
app.command()(ledger.extract)
app.command()(process.doctor)
app.command()(ledger.stats)
app.command()(process.settings)
app.command()(process.health)
app.command()(process.up)
app.command()(data.publish)
app.command()(data.reembed)
app.command()(data.adopt)


def _print_version(asked: bool) -> None:
    if asked:
        from afterword.producers import __version__

        print(f"afterword {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Long-term memory for AI agents."""


def run() -> None:
    """Run the command line. An error of ours is one line, and exit status 1."""
    try:
        app()
    except (AfterwordError, OSError) as error:
        # An OSError is a file, a folder or an address that cannot be used: its own words name it.
        from afterword.workers.text.printable import printable

        sys.exit(f"afterword: {printable(str(error), limit=_LONGEST)}")
    finally:
        # Else the interpreter, before it ends, looks for garbage among all that was loaded: a third of a second.
        gc.freeze()
