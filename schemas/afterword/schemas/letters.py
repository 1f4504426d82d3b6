"""Dead letters: messages and conversations that were given up on, and the commands by which operators treat them.

They are the command's tenant's. With `all_tenants` they are everybody's, those among them that could not be read and so
name no tenant. A body that has to be mended first is mended with `afterword deadletters replay --body`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from afterword.schemas.command import MAX_PAGE, Command
from afterword.schemas.values import Id, LateModel
from afterword.schemas.wire import Queue

MAX_LETTERS = 100
"""Letters that one command treats at most: each is a transaction of its own."""

LetterId = Annotated[int, Field(ge=1, lt=2**63)]


class LetterEntry(LateModel):
    """A dead letter without its message, of which `size` is the length in bytes. Every text is printable."""

    id: int
    queue: str
    error: str
    died_at: datetime
    size: int
    tenant_id: str | None = None
    user_id: str | None = None
    event_id: str | None = None


class LetterPage(LateModel):
    """Answers `dead_letters_list`; `next_cursor` is None on the last page."""

    letters: tuple[LetterEntry, ...]
    next_cursor: str | None = None


class LetterText(LateModel):
    """Answers `dead_letters_get`: the message as printable text; `truncated` where only its beginning is shown."""

    entry: LetterEntry
    body: str
    truncated: bool = False


class RefusedLetter(LateModel):
    """A letter that stays, and why."""

    id: int
    reason: str


class TreatedLetters(LateModel):
    """Answers `dead_letters_replay` and `dead_letters_drop`: the ids of the letters that went, and those that stay."""

    done: tuple[int, ...]
    refused: tuple[RefusedLetter, ...] = ()


class LetterCommand(Command):
    """About the dead letters of the tenant, or with `all_tenants` of the whole deployment."""

    all_tenants: bool = False


class ListDeadLetters(LetterCommand):
    """A page of dead letters, newest first: those to which all that is given applies. `error` is a part of theirs."""

    answer: ClassVar[type[LetterPage]] = LetterPage

    command: Literal["dead_letters_list"] = "dead_letters_list"
    queue: Queue | None = None
    user_id: Id | None = None
    error: Id | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class GetDeadLetter(LetterCommand):
    """One dead letter with its message."""

    answer: ClassVar[type[LetterText]] = LetterText

    command: Literal["dead_letters_get"] = "dead_letters_get"
    letter_id: LetterId


class ReplayDeadLetters(LetterCommand):
    """Give letters another chance, under their own event ids. One that is refused leaves the others theirs."""

    answer: ClassVar[type[TreatedLetters]] = TreatedLetters

    command: Literal["dead_letters_replay"] = "dead_letters_replay"
    letter_ids: Annotated[tuple[LetterId, ...], Field(min_length=1, max_length=MAX_LETTERS)]


class DropDeadLetters(LetterCommand):
    """Drop letters for good, and what was said in them."""

    answer: ClassVar[type[TreatedLetters]] = TreatedLetters

    command: Literal["dead_letters_drop"] = "dead_letters_drop"
    letter_ids: Annotated[tuple[LetterId, ...], Field(min_length=1, max_length=MAX_LETTERS)]
