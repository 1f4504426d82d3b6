"""`afterword memories`: add one, correct it, delete it, see what it said before and what it comes from; clean up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas.commands import MAX_KEEP_DAYS
from afterword.schemas.printable import printable, printable_json

if TYPE_CHECKING:
    from afterword.schemas import Memory
    from afterword.schemas.answers import MemoryVersion

app = typer.Typer(
    no_args_is_help=True,
    help="One memory: add, correct or delete it, see what it said before and where it comes from; clean up old ones.",
)

_User = Annotated[str, typer.Argument(metavar="USER", help="Whose memory (tenant: AFTERWORD_TENANT_ID).")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `afterword search` shows it.")]
_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def add(
    user: _User,
    text: Annotated[str, typer.Argument(help="What shall be remembered.")],
    replaces: Annotated[
        str | None, typer.Option(metavar="ID", help="A memory that no longer holds: it is kept, and ranks below.")
    ] = None,
    occurred_at: Annotated[str | None, typer.Option(help="Known since when: ISO 8601; else now.")] = None,
    json: _AsJson = False,
) -> None:
    """Write a memory of a user by hand."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        added = client.memories.add(
            text, user_id=user, replaces=replaces, occurred_at=occurred_at, asked_by=COMMAND_LINE
        )
    _show(added, json=json)


@app.command()
def delete(
    user: _User,
    memory: _Id,
    with_source: Annotated[
        bool, typer.Option("--with-source", help="Also the words that it was learned from, which contexts may hold.")
    ] = False,
) -> None:
    """Delete a memory. With a store away it is no longer shown, and removed as soon as possible."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        removed = client.memories.delete(memory, user_id=user, with_source=with_source, asked_by=COMMAND_LINE)
    if removed.pending:
        print(f"no longer shown, removed soon: deletion {removed.deletion_id}")
        return
    print(f"{removed.removed} memories deleted")


@app.command()
def cleanup(
    user: _User,
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=1, max=MAX_KEEP_DAYS, help="Those stored longer ago go.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run/--now", help="Count what would go; or let it go now.")] = True,
) -> None:
    """Remove a user's old memories, notes included."""
    from afterword.producers import MemoryClient

    removed = 0
    with MemoryClient.from_env() as client:
        while True:
            found = client.memories.cleanup(user, older_than, dry_run=dry_run, asked_by=COMMAND_LINE)
            removed += found.removed
            if not found.more:
                break
    print(f"{removed} memories {'would go' if dry_run else 'went'}")


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
    _show(corrected, json=json)


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


def _show(memory: Memory, *, json: bool) -> None:
    print(printable_json(memory.model_dump_json(indent=2)) if json else printable(f"{memory.id}  {memory.text}"))


def _line(version: MemoryVersion) -> str:
    by = f"  by {version.by}" if version.by else ""
    return f"{version.number}  {version.since:%Y-%m-%d %H:%M}{by}  {version.text}"
