"""Managing dead letters over the queue: they are listed, shown, replayed and dropped."""

from __future__ import annotations

from afterword.schemas import InvalidInput
from afterword.schemas.letters import (
    DropDeadLetters,
    GetDeadLetter,
    LetterCommand,
    LetterEntry,
    LetterPage,
    LetterText,
    ListDeadLetters,
    ReplayDeadLetters,
    TreatedLetters,
)
from afterword.schemas.printable import printable, printable_lines
from afterword.workers.services.commands.dead_letters import DeadLetters
from afterword.workers.stores.ledger.upkeep.dead_letters import LetterFilter, LetterHead

_SHOWN = 64 * 1024
"""Characters of a message that travel in a reply; it may have megabytes."""

_ERROR_SHOWN = 1_000


class LetterKeeper:
    """Answers the commands about dead letters, within the tenant that they name."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    def list(self, command: ListDeadLetters, _: float | None) -> LetterPage:
        """A page, newest first. Raises: InvalidInput, for a cursor that no page gave; LedgerUnavailable."""
        which = LetterFilter(
            queue=command.queue.value if command.queue else None,
            tenant_id=_tenant(command),
            user_id=command.user_id,
            error=command.error,
        )
        # One more than fits says whether there is another page.
        found = self._letters.heads(which, limit=command.limit + 1, before=_before(command.cursor))
        shown = found[: command.limit]
        next_cursor = str(shown[-1].id) if len(found) > command.limit else None
        return LetterPage(letters=tuple(_entry(head) for head in shown), next_cursor=next_cursor)

    def get(self, command: GetDeadLetter, _: float | None) -> LetterText:
        """One letter. Raises: NotFound, LedgerUnavailable."""
        found = self._letters.get(command.letter_id, _tenant(command))
        body = found.letter.body
        # Four bytes at most make a character: no more of it has to be read.
        text = printable_lines(body[: 4 * _SHOWN].decode("utf-8", "replace"))
        truncated = len(text) > _SHOWN or len(body) > 4 * _SHOWN
        return LetterText(entry=_entry(LetterHead.of(found)), body=text[:_SHOWN], truncated=truncated)

    def replay(self, command: ReplayDeadLetters, _: float | None) -> TreatedLetters:
        """Each letter gets another chance, or the reason why it stays."""
        return self._letters.replay_each(command.letter_ids, tenant_id=_tenant(command), by=command.asked_by)

    def drop(self, command: DropDeadLetters, _: float | None) -> TreatedLetters:
        """Each letter goes for good, or the reason why it stays."""
        return self._letters.discard_each(command.letter_ids, tenant_id=_tenant(command), by=command.asked_by)


def _tenant(command: LetterCommand) -> str | None:
    return None if command.all_tenants else command.tenant_id


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    # `isdigit` alone takes digits of every script, and a number of any length.
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidInput("cursor", "a cursor no page gave", "pass next_cursor of the page before")
    return int(cursor)


def _entry(head: LetterHead) -> LetterEntry:
    # Whoever reads this shows it: what anybody sent must steer no terminal.
    return LetterEntry(
        id=head.id,
        queue=head.queue,
        error=printable(head.error, limit=_ERROR_SHOWN),
        died_at=head.died_at,
        size=head.size,
        tenant_id=_shown(head.tenant_id),
        user_id=_shown(head.user_id),
        event_id=_shown(head.event_id),
    )


def _shown(text: str | None) -> str | None:
    return None if text is None else printable(text)
