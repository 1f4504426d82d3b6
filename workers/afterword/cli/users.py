"""`afterword users`: what a user wishes, and everything that is kept of them."""

from __future__ import annotations

from typing import Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas.printable import printable

app = typer.Typer(no_args_is_help=True, help="Users as persons: what they wish, and all that is kept of them.")

_User = Annotated[str, typer.Argument(metavar="USER", help="Who (tenant: AFTERWORD_TENANT_ID).")]


@app.command("set")
def set_wishes(
    user: _User,
    memory: Annotated[bool, typer.Option("--memory/--no-memory", help="Whether anything of them may be kept.")],
) -> None:
    """Say whether anything of a user may be remembered. It holds until it is said otherwise, also after a clear."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        found = client.users.set(user, memory=memory, asked_by=COMMAND_LINE)
    print(printable(f"memory is {'on' if found.memory_enabled else 'off'} for {found.user_id}"))


@app.command()
def show(user: _User) -> None:
    """What a user wishes, since when, and who said so."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        found = client.users.get(user)
    said = f" since {found.since:%Y-%m-%d %H:%M} by {found.by}" if found.since else ""
    print(printable(f"memory is {'on' if found.memory_enabled else 'off'} for {found.user_id}{said}"))


@app.command()
def export(user: _User) -> None:
    """Everything that is kept of a user, as JSON lines. Without the line `end` it is not whole."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        for line in client.users.export(user, asked_by=COMMAND_LINE):
            print(line.model_dump_json(exclude_none=True))
