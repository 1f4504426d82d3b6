"""Memory metadata: a row for every memory, with all that is known of it besides its text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, text

from afterword.schemas.values import Kind, Scope
from afterword.workers.stores.ledger.tables import memories


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRecord:
    """The metadata of a memory. `text_length` is in characters.

    `user_id` is None for an agent's own memory. `agent_id` is its owner then, else the agent it was learned with.
    """

    id: str
    tenant_id: str
    user_id: str | None
    agent_id: str | None
    session_id: str | None
    scope: Scope
    kind: Kind
    source: str
    category: str | None
    tags: tuple[str, ...]
    embedding_model: str
    language: str
    text_length: int
    event_id: str | None
    occurred_at: datetime
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Gone:
    """How many memories of a user with an agent (or of an agent itself: no user) were removed."""

    tenant_id: str
    user_id: str | None
    agent_id: str | None
    count: int


_TYPES = {
    "id": "uuid",
    "tags": "text[]",
    "text_length": "integer",
    "occurred_at": "timestamptz",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
}
_NAMES = ", ".join(MemoryRecord.__dataclass_fields__)
_TYPED = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in MemoryRecord.__dataclass_fields__)
# One statement for any number of rows, prepared once.
_ADD = text(
    f"""
    INSERT INTO memories ({_NAMES})
    SELECT {_NAMES} FROM jsonb_to_recordset(CAST(:records AS jsonb)) AS given({_TYPED})
    ON CONFLICT (id) DO NOTHING
    RETURNING id::text
    """  # names of our own columns
)


def add(connection: Connection, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
    """Write metadata; those that were not there yet. A row that is there stays as it is."""
    if not records:
        return []
    # In order, so that two writers of the same rows do not wait for each other.
    rows = [asdict(record) for record in sorted(records, key=lambda record: record.id)]
    new = set(connection.execute(_ADD, {"records": json.dumps(rows, default=datetime.isoformat)}).scalars())
    return [record for record in records if record.id in new]


def remove(connection: Connection, tenant_id: str, ids: Sequence[str]) -> list[Gone]:
    """Remove memories by id."""
    return _remove(connection, memories.c.tenant_id == tenant_id, memories.c.id.in_(ids))


def clear(connection: Connection, tenant_id: str, user_id: str, session_id: str | None = None) -> list[Gone]:
    """Remove a user's memories, or those of one session."""
    of_user = [memories.c.tenant_id == tenant_id, memories.c.user_id == user_id]
    return _remove(connection, *of_user, *([memories.c.session_id == session_id] if session_id is not None else []))


def clear_agent(connection: Connection, tenant_id: str, agent_id: str) -> list[Gone]:
    """Remove an agent's own memories."""
    of_agent = (memories.c.tenant_id == tenant_id, memories.c.agent_id == agent_id, memories.c.scope == Scope.AGENT)
    return _remove(connection, *of_agent)


def expire(connection: Connection, now: datetime) -> list[Gone]:
    """Remove the memories whose lifetime has ended."""
    return _remove(connection, memories.c.expires_at < now)


def _remove(connection: Connection, *where: ColumnElement[bool]) -> list[Gone]:
    key = (memories.c.tenant_id, memories.c.user_id, memories.c.agent_id)
    gone = delete(memories).where(*where).returning(*key).cte("gone")
    counted = select(*gone.c, func.count().label("count")).group_by(*gone.c)
    return [Gone(**row._asdict()) for row in connection.execute(counted)]
