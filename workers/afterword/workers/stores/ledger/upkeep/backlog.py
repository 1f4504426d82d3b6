"""The backlog: how much waits in the ledger, and for how long; ages are in seconds, by PostgreSQL's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

_DEAD_LETTERS = text(
    """
    SELECT queue, count(*), extract(epoch FROM clock_timestamp() - min(died_at)) FROM dead_letters GROUP BY queue
    """
)

# IS NOT TRUE also holds for a subject without any lease, where the comparison is NULL.
_SUBJECTS = text(
    """
    SELECT count(*) FILTER (WHERE lease_until > now()),
           count(*) FILTER (WHERE due_at <= now() AND (lease_until > now()) IS NOT TRUE),
           count(*) FILTER (WHERE due_at > now() AND (lease_until > now()) IS NOT TRUE),
           extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now() AND (lease_until > now()) IS NOT TRUE))
    FROM subjects WHERE due_at IS NOT NULL
    """
)

# Of those that are settled there are months' worth: the index leaves them out.
_DELETIONS = text(
    """
    SELECT count(*), extract(epoch FROM clock_timestamp() - min(requested_at))
    FROM deletions WHERE settled_at IS NULL AND finished_at IS NULL
    """
)

_EXCERPTS_WANTING = text("SELECT count(*) FROM conversations WHERE excerpts_at IS NULL AND turns IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Standing:
    """How many dead letters a queue has, and the age of the oldest."""

    letters: int
    oldest_age: float


@dataclass(frozen=True, slots=True)
class Pending:
    """How many deletions the vector store has to carry out, and the age of the oldest."""

    deletions: int
    oldest_age: float


@dataclass(frozen=True, slots=True)
class Due:
    """Subjects to be extracted: claimed, due, and due later; how long the first of the due ones has been due."""

    claimed: int
    due: int
    later: int
    oldest_age: float


def dead_letters(connection: Connection) -> dict[str, Standing]:
    """By queue; those without any are left out."""
    # A letter died by the clock of another host, which may be ahead.
    return {row[0]: Standing(int(row[1]), max(float(row[2]), 0.0)) for row in connection.execute(_DEAD_LETTERS)}


def subjects(connection: Connection) -> Due:
    """The subjects that wait for extraction."""
    claimed, due, later, age = connection.execute(_SUBJECTS).one()
    return Due(int(claimed), int(due), int(later), float(age or 0))


def pending_deletions(connection: Connection) -> Pending:
    """The deletions that the vector store has not carried out."""
    number, age = connection.execute(_DELETIONS).one()
    return Pending(int(number), float(age or 0))


def excerpts_wanting(connection: Connection) -> int:
    """Conversations whose excerpts are not written."""
    return int(connection.execute(_EXCERPTS_WANTING).scalar_one())


def database_size(connection: Connection) -> int:
    """Bytes on disk of the whole database."""
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def seconds_since_due(connection: Connection, tenant_id: str, user_id: str) -> float:
    """How long a subject has been due; 0 when it is not."""
    return float(connection.execute(_SINCE_DUE, {"tenant_id": tenant_id, "user_id": user_id}).scalar_one() or 0)


def seconds_since_received(connection: Connection, conversation_ids: Sequence[int]) -> list[float]:
    """How long ago each of these conversations was taken in, in no order."""
    if not conversation_ids:
        return []
    return [float(age) for age in connection.execute(_SINCE_RECEIVED, {"ids": list(conversation_ids)}).scalars()]


_SINCE_RECEIVED = text(
    "SELECT extract(epoch FROM clock_timestamp() - received_at) FROM conversations WHERE id = ANY(:ids)"
)
_SINCE_DUE = text(
    """
    SELECT greatest(extract(epoch FROM clock_timestamp() - due_at), 0) FROM subjects
    WHERE tenant_id = :tenant_id AND user_id = :user_id
    """
)
