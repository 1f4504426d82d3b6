"""`afterword users`: what a user wishes, and everything that is kept of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas import InvalidInput
from afterword.schemas.imports import MAX_IMPORTED
from afterword.schemas.printable import printable, printable_json

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
    """Show what a user wishes, since when, and who said so."""
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
            print(printable_json(line.model_dump_json(exclude_none=True)))


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="An export, mem0's get_all, messages, or ChatGPT's conversations.json."
        ),
    ],
    user: Annotated[str | None, typer.Option(help="Whose they become; an export says whose they are.")] = None,
) -> None:
    """Bring a person's memories or chats in. Run again, nothing comes twice."""
    from rich.console import Console
    from rich.progress import track

    from afterword.cli.bulk import await_sent
    from afterword.cli.imports import memories_in_steps, read_file
    from afterword.producers import MemoryClient

    found = read_file(file)
    owner = user or found.user_id
    if owner is None:
        raise InvalidInput("user", "nothing", "give --user: the file names no user, or several")
    added = known = 0
    with MemoryClient.from_env() as client:
        steps = list(memories_in_steps(found, MAX_IMPORTED))
        for step in track(steps, "memories", console=Console(stderr=True)):
            done = client.users.import_memories(owner, step, asked_by=COMMAND_LINE)
            added, known = added + done.added, known + done.known
        results = client.publish_many({**each, "user_id": owner} for each in found.conversations)
        await_sent(client)
        refused = [*found.refused, *(str(result.error) for result in results if result.error)]
        if found.objects:
            client.users.set(owner, memory=False, asked_by=COMMAND_LINE)
    for error in refused:
        print(printable(error), file=sys.stderr)
    published = sum(result.error is None for result in results)
    print(f"{added} memories imported, {known} were there; {published} conversations published")
    if found.left_out:
        print(f"{found.left_out} messages left out: hidden ones, of systems and tools, without words")
    raise typer.Exit(1 if refused else 0)
