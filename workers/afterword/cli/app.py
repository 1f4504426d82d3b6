"""The commands, each registered here and written in the module of its noun.

Each command imports what it needs by itself, since `health` runs every few seconds in every container, and since
`afterword[cli]` brings no libraries of the workers.
"""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from afterword.cli import (
    agent_sharing,
    analytics,
    data,
    deadletters,
    erasures,
    gateway,
    keys,
    ledger,
    mcp,
    memories,
    policies,
    process,
    recall,
    users,
)
from afterword.schemas import AfterwordError
from afterword.schemas.printable import printable

_LONGEST = 1_000
_EXTRAS: Final = {"up": "embedded", "gateway": "gateway", "mcp": "mcp"}
"""The extra that brings what a command needs, where that is not `worker`."""


class CommandGroup(TyperGroup):
    """The commands; one whose libraries are not installed says in a line which extra brings them."""

    def invoke(self, ctx: Any) -> object:
        """Run the command that was named."""
        # Any, since typer's versions take this class from different places.
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get(ctx.invoked_subcommand or "", "worker")
            sys.exit(
                f"afterword {ctx.invoked_subcommand} needs more than is installed here ({error.name}): "
                f"pip install 'afterword[{extra}]'"
            )


app = typer.Typer(cls=CommandGroup, no_args_is_help=True, add_completion=False, help="Long-term memory for AI agents.")
app.add_typer(ledger.agents, name="agents")
app.add_typer(memories.app, name="memories")
app.add_typer(keys.app, name="keys")
app.add_typer(policies.app, name="policies")
app.add_typer(users.app, name="users")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(analytics.app, name="analytics")
ledger.agents.command("members")(agent_sharing.list_members)
ledger.agents.command()(agent_sharing.grant)
ledger.agents.command()(agent_sharing.revoke)
ledger.agents.command()(agent_sharing.share)
ledger.agents.command()(agent_sharing.unshare)
users.app.command()(erasures.erase)
users.app.command()(erasures.erasure)
users.app.command("verify-erased")(erasures.verify_erased)
app.command()(recall.context)
app.command()(recall.search)
app.command()(recall.restore)
app.command()(process.worker)
app.command()(gateway.gateway)
app.command()(mcp.mcp)
app.command()(ledger.migrate)
app.command()(ledger.extract)
app.command()(process.doctor)
app.command()(ledger.stats)
app.command()(process.settings)
app.command()(process.health)
app.command()(process.up)
app.command()(data.publish)
app.command()(data.conversation)
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
        sys.exit(f"afterword: {printable(str(error), limit=_LONGEST)}")
    finally:
        # Else the interpreter, before it ends, looks for garbage among all that was loaded: a third of a second.
        gc.freeze()
