"""`afterword memories`: correct one, see what it said before, and what it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas.printable import printable, printable_json

if TYPE_CHECKING:
    from afterword.schemas.answers import MemoryVersion

app = typer.Typer(no_args_is_help=True, help="One memory: correct it, see what it said before and where it comes from.")

_User = Annotated[str, typer.Argument(metavar="USER", help="Whose memory (tenant: AFTERWORD_TENANT_ID).")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `afterword search` shows it.")]
_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def correct(
    user: _User,
    memory: _Id,
    text: Annotated[str, typer.Argument(help="What it shall say.")],
    json: _AsJson = False,
) -> None:
    """Correct a memory. It is found by the new text; the old one is kept in its history."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        corrected = client.memories.update(memory, text, user_id=user, asked_by=COMMAND_LINE)
    told = corrected.model_dump_json(indent=2)
    print(printable_json(told) if json else printable(f"{corrected.id}  {corrected.text}"))


@app.command()
def history(user: _User, memory: _Id, json: _AsJson = False) -> None:
    """The texts that a memory had, newest first: since when, by whom."""
    from afterword.producers import MemoryClient

    cursor: str | None = None
    with MemoryClient.from_env() as client:
        while True:
            page = client.memories.history(memory, user_id=user, cursor=cursor)
            for version in page.versions:
                print(printable_json(version.model_dump_json()) if json else printable(_line(version)))
            cursor = page.next_cursor
            if cursor is None:
                return


@app.command()
def provenance(user: _User, memory: _Id, json: _AsJson = False) -> None:
    """Show where a memory comes from: its conversation, the model and the batch, and what was said."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        found = client.memories.provenance(memory, user_id=user)
    if json:
        print(printable_json(found.model_dump_json(indent=2)))
        return
    for name, value in found.model_dump(mode="json", exclude_none=True, exclude={"turns"}).items():
        print(printable(f"{name:14} {value}"))
    for turn in found.turns:
        print(printable(f"{'>' if turn.is_source else ' '} {turn.role}: {turn.text}"))


def _line(version: MemoryVersion) -> str:
    by = f"  by {version.by}" if version.by else ""
    return f"{version.number}  {version.since:%Y-%m-%d %H:%M}{by}  {version.text}"
