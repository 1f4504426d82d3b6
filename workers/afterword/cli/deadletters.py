"""`afterword deadletters`: read, mend, replay or discard the messages that were given up on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas.printable import printable, printable_lines

if TYPE_CHECKING:
    from afterword.schemas.letters import TreatedLetters
    from afterword.workers.services.commands.dead_letters import DeadLetters
    from afterword.workers.stores.ledger.upkeep.dead_letters import LetterFilter

app = typer.Typer(no_args_is_help=True, help="What was given up on: list, show, replay, discard.")

_Number = Annotated[int | None, typer.Argument(help="The letter's number; without one, all that the filters name.")]
_Queue = Annotated[str | None, typer.Option(help="Only letters of this queue.")]
_Tenant = Annotated[str | None, typer.Option(help="Only letters of this tenant.")]
_User = Annotated[str | None, typer.Option(help="Only letters of this user.")]
_Error = Annotated[str | None, typer.Option(help="Only letters whose error holds this text.")]
_Body = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A mended message, as JSON.")]
_All = Annotated[bool, typer.Option("--all", help="All letters, where no filter is given.")]


@app.command("list")
def list_letters(queue: _Queue = None, tenant: _Tenant = None, user: _User = None, error: _Error = None) -> None:
    """One letter a line, newest first: number, time, queue, tenant/user, event, error."""
    with _letters() as letters:
        for letter in letters.heads(_selection(None, queue, tenant, user, error)):
            owner = f"{letter.tenant_id or '-'}/{letter.user_id or '-'}"
            line = (
                f"{letter.id}  {letter.died_at:%Y-%m-%d %H:%M:%S}  {letter.queue}  {owner}  "
                f"{letter.event_id or '-'}  {' '.join(letter.error.split())}"
            )
            print(printable(line))


@app.command()
def show(number: int) -> None:
    """One letter with its message."""
    with _letters() as letters:
        letter = letters.get(number).letter
    print(
        json.dumps({name: str(getattr(letter, name)) for name in ("queue", "died_at", "error", "event_id")}, indent=2)
    )
    print(printable_lines(letter.body.decode("utf-8", "replace")))


@app.command()
def replay(
    number: _Number = None,
    queue: _Queue = None,
    tenant: _Tenant = None,
    user: _User = None,
    error: _Error = None,
    body: _Body = None,
    everything: _All = False,
) -> None:
    """Give letters another chance, under their own event ids."""
    if body and number is None:
        raise typer.BadParameter("a mended message is for one letter: give its number", param_hint="--body")
    with _letters() as letters:
        meant = _meant(letters, number, _selection(number, queue, tenant, user, error), everything)
        treated = letters.replay_each(meant, body=body.read_bytes() if body else None, by=COMMAND_LINE)
    _tell(treated, "replayed")


@app.command()
def discard(
    number: _Number = None,
    queue: _Queue = None,
    tenant: _Tenant = None,
    user: _User = None,
    error: _Error = None,
    everything: _All = False,
) -> None:
    """Drop letters for good, and what was said in them."""
    with _letters() as letters:
        meant = _meant(letters, number, _selection(number, queue, tenant, user, error), everything)
        treated = letters.discard_each(meant, by=COMMAND_LINE)
    _tell(treated, "discarded")


def _tell(treated: TreatedLetters, done: str) -> None:
    """Say what became of the letters; exit status 1 when some are left."""
    for refused in treated.refused:
        print(printable(f"{refused.id}: {refused.reason}"))
    left = f", {len(treated.refused)} left" if treated.refused or done == "replayed" else ""
    print(f"{len(treated.done)} {done}{left}")
    raise typer.Exit(1 if treated.refused else 0)


def _selection(
    number: int | None, queue: str | None, tenant: str | None, user: str | None, error: str | None
) -> LetterFilter:
    from afterword.workers.stores.ledger.upkeep.dead_letters import LetterFilter

    return LetterFilter(letter_id=number, queue=queue, tenant_id=tenant, user_id=user, error=error)


def _meant(letters: DeadLetters, number: int | None, which: LetterFilter, everything: bool) -> list[int]:
    from afterword.workers.stores.ledger.upkeep.dead_letters import LetterFilter

    # A forgotten argument must not discard every letter.
    if which == LetterFilter() and not everything:
        raise typer.BadParameter("name letters: a number, a filter, or --all")
    # A number that names no letter is an error, not an empty selection.
    if number is not None:
        letters.get(number)
    return [letter.id for letter in letters.heads(which)]


@contextmanager
def _letters() -> Iterator[DeadLetters]:
    # Without House: what all the services need takes as long to load as the rest of such a command.
    from afterword.workers.broker import build_broker
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.services.commands.dead_letters import DeadLetters
    from afterword.workers.stores.ledger.database import Database

    settings = Settings.load()
    database, broker = Database(settings.postgres, connections=1), build_broker(settings.redis)
    try:
        yield DeadLetters(database=database, queues=broker.admin)
    finally:
        broker.client.close()
        database.close()
