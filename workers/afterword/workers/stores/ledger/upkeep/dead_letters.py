"""Dead letters: messages and conversations that were given up on, kept until somebody mends or discards them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import metadata, moment

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("tenant_id", Text),
    Column("user_id", Text),
    Column("event_id", Text),
    Column("error", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("died_at", DateTime(timezone=True), nullable=False),
    moment("recorded_at", now=True),
    UniqueConstraint("queue", "message_id"),
    Index("ix_dead_letters_subject", "tenant_id", "user_id"),
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it lay in its queue, why it died, and whose it is where that can be read from it."""

    message_id: str
    queue: str
    error: str
    body: bytes
    died_at: datetime
    tenant_id: str | None = None
    user_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter with its number."""

    id: int
    letter: DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterHead:
    """A letter without its message, of which `size` is the length in bytes."""

    id: int
    queue: str
    error: str
    died_at: datetime
    tenant_id: str | None
    user_id: str | None
    event_id: str | None
    size: int

    @classmethod
    def of(cls, found: StoredLetter) -> LetterHead:
        """The head of a letter."""
        letter = found.letter
        about = {name: getattr(letter, name) for name in _HEAD}
        return cls(id=found.id, size=len(letter.body), **about)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant: those to which all of it applies. `error` is a part of the error's text."""

    letter_id: int | None = None
    queue: str | None = None
    tenant_id: str | None = None
    user_id: str | None = None
    error: str | None = None


_NAMES = tuple(DeadLetter.__dataclass_fields__)
_HEAD = tuple(name for name in LetterHead.__dataclass_fields__ if name not in ("id", "size"))
_COLUMNS = tuple(dead_letters.c[name] for name in _NAMES)


def write(connection: Connection, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Keep letters. Returns those that are new."""
    if not letters:
        return []
    # A message that is copied twice, after a crash, stays one letter.
    statement = insert(dead_letters).values([asdict(letter) for letter in letters]).on_conflict_do_nothing()
    written = connection.execute(statement.returning(dead_letters.c.queue, dead_letters.c.message_id))
    new = {(row.queue, row.message_id) for row in written}
    return [letter for letter in letters if (letter.queue, letter.message_id) in new]


def read(connection: Connection, which: LetterFilter, *, limit: int) -> list[StoredLetter]:
    """The letters that are meant, newest first."""
    rows = connection.execute(
        select(dead_letters.c.id, *_COLUMNS).where(*_where(which)).order_by(dead_letters.c.id.desc()).limit(limit)
    )
    return [StoredLetter(row.id, DeadLetter(**{name: getattr(row, name) for name in _NAMES})) for row in rows]


def heads(connection: Connection, which: LetterFilter, *, limit: int, before: int | None = None) -> list[LetterHead]:
    """The letters that are meant without their messages, newest first; `before` leaves out that one and newer ones."""
    columns = (dead_letters.c.id, *(dead_letters.c[name] for name in _HEAD))
    size = func.octet_length(dead_letters.c.body).label("size")
    wanted = select(*columns, size).where(*_where(which)).order_by(dead_letters.c.id.desc()).limit(limit)
    rows = connection.execute(wanted if before is None else wanted.where(dead_letters.c.id < before))
    return [LetterHead(**row._asdict()) for row in rows]


def remove(connection: Connection, letter_id: int) -> DeadLetter | None:
    """Take a letter out; None when it is gone."""
    row = connection.execute(
        delete(dead_letters).where(dead_letters.c.id == letter_id).returning(*_COLUMNS)
    ).one_or_none()
    return DeadLetter(**row._asdict()) if row else None


def clear(connection: Connection, tenant_id: str, user_id: str, *, wanted: Callable[[DeadLetter], bool]) -> list[bytes]:
    """Drop the `wanted` ones of a subject's letters and of letters without a user. Returns their bodies."""
    nobody_s = and_(
        dead_letters.c.user_id.is_(None),
        or_(dead_letters.c.tenant_id == tenant_id, dead_letters.c.tenant_id.is_(None)),
        # Both forms that a user's id has in JSON. Only such a letter is worth reading.
        or_(*(func.pg_catalog.position(dead_letters.c.body, form.encode()) > 0 for form in _json_forms(user_id))),
    )
    of_user = and_(dead_letters.c.tenant_id == tenant_id, dead_letters.c.user_id == user_id)
    rows = connection.execute(select(dead_letters.c.id, *_COLUMNS).where(or_(of_user, nobody_s)))
    gone = {}
    for row in rows:
        letter = DeadLetter(**{name: getattr(row, name) for name in _NAMES})
        if wanted(letter):
            gone[row.id] = letter.body
    if gone:
        connection.execute(delete(dead_letters).where(dead_letters.c.id.in_(gone)))
    return list(gone.values())


def _json_forms(text: str) -> set[str]:
    return {json.dumps(text, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}


def _where(which: LetterFilter) -> list[ColumnElement[bool]]:
    """The conditions of a selection; a field that is None sets none."""
    found: list[ColumnElement[bool]] = []
    for column, wanted in (
        (dead_letters.c.queue, which.queue),
        (dead_letters.c.tenant_id, which.tenant_id),
        (dead_letters.c.user_id, which.user_id),
        (dead_letters.c.id, which.letter_id),
    ):
        if wanted is not None:
            found.append(column == wanted)
    if which.error is not None:
        # A % or _ in the wanted text is itself, and no wildcard.
        found.append(dead_letters.c.error.contains(which.error, autoescape=True))
    return found
