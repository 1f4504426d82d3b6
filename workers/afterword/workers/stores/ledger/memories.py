"""Memory metadata: a row for every memory, with all that is known of it besides its text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Index,
    Integer,
    Table,
    Text,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from afterword.schemas.answers import MemoryOwner
from afterword.schemas.values import Kind, Scope
from afterword.workers.stores.ledger.metadata import metadata, moment

# A row for each memory. Its text is not here: only the vector store holds it.
memories = Table(
    "memories",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    # NULL for an agent's own memory.
    Column("user_id", Text),
    # The owner of an agent's own memory, else the agent it was learned with.
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("category", Text),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("embedding_model", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("text_length", Integer, nullable=False),
    Column("event_id", Text),
    # Of a fact: the batch that learned it, and what was asked how. NULL for what came before these were kept.
    Column("batch_id", UUID(as_uuid=False)),
    Column("model", Text),
    Column("prompt_version", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    moment("expires_at"),
    # From 0 to 1; NULL for one that was saved before this was kept.
    Column("importance", Double),
    # When it was last part of a context; about, since it is noted once an hour at most.
    moment("last_used_at"),
    # Since when it is left out of recall.
    moment("archived_at"),
    Index("ix_memories_owner", "tenant_id", "user_id"),
    Index("ix_memories_agent", "tenant_id", "agent_id", postgresql_where=text("scope = 'agent'")),
    Index("ix_memories_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
)


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
    importance: float | None = None
    batch_id: str | None = None
    model: str | None = None
    prompt_version: str | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """How many memories of a user with an agent (or of an agent itself: no user) were removed."""

    tenant_id: str
    user_id: str | None
    agent_id: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Learned:
    """How a memory was learned: its source, and for a fact the batch, the model and the version of the prompt."""

    source: str
    agent_id: str | None
    batch_id: str | None
    model: str | None
    prompt_version: str | None


@dataclass(frozen=True, slots=True)
class KnownMemory:
    """The scope, the kind and the source of a memory."""

    scope: Scope
    kind: Kind
    session_id: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class MemoryUses:
    """The memories of a tenant that a context gave at a time."""

    tenant_id: str
    at: datetime
    memory_ids: tuple[str, ...]


_MOST_IDS = 10_000

_TYPES = {
    "id": "uuid",
    "batch_id": "uuid",
    "tags": "text[]",
    "text_length": "integer",
    "occurred_at": "timestamptz",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
    "importance": "double precision",
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


def are_there(connection: Connection) -> bool:
    """Whether a memory is known that has not expired, whoever owns it."""
    lives = memories.c.expires_at.is_(None) | (memories.c.expires_at > func.clock_timestamp())
    return bool(connection.execute(select(select(memories.c.id).where(lives).exists())).scalar_one())


def add(connection: Connection, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
    """Write metadata. Returns the records that were new; a row that is there already stays as it is."""
    if not records:
        return []
    # In order, so that two writers of the same rows do not wait for each other.
    rows = [asdict(record) for record in sorted(records, key=lambda record: record.id)]
    new = set(connection.execute(_ADD, {"records": json.dumps(rows, default=datetime.isoformat)}).scalars())
    return [record for record in records if record.id in new]


def correct(connection: Connection, record: MemoryRecord) -> None:
    """Write anew what follows from a memory's text: its length, its language, its importance, and what embedded it."""
    names = ("text_length", "language", "importance", "embedding_model")
    changed = {name: getattr(record, name) for name in names}
    connection.execute(update(memories).where(memories.c.id == record.id).values(changed))


def remove(connection: Connection, tenant_id: str, ids: Sequence[str]) -> list[Gone]:
    """Remove memories by id."""
    return _remove(connection, memories.c.tenant_id == tenant_id, memories.c.id.in_(ids))


def drop(connection: Connection, ids: Sequence[str]) -> list[Gone]:
    """Remove memories by id, of whatever tenant."""
    return _remove(connection, memories.c.id.in_(ids))


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


def ids_since(
    connection: Connection, tenant_id: str, user_id: str | None, agent_id: str | None, at: datetime
) -> list[str]:
    """The ids of a user's memories, or of an agent's own, created after a time: the oldest 10,000 of them."""
    of_agent = (memories.c.agent_id == agent_id, memories.c.scope == Scope.AGENT)
    of_owner = of_agent if user_id is None else (memories.c.user_id == user_id,)
    of_tenant = select(memories.c.id).where(memories.c.tenant_id == tenant_id, *of_owner, memories.c.created_at > at)
    return list(connection.execute(of_tenant.order_by(memories.c.created_at).limit(_MOST_IDS)).scalars())


def known(connection: Connection, tenant_id: str, ids: Sequence[str]) -> set[str]:
    """The ids among these that have a row."""
    return set(
        connection.execute(
            select(memories.c.id).where(memories.c.tenant_id == tenant_id, memories.c.id.in_(ids))
        ).scalars()
    )


def owners(connection: Connection, tenant_id: str, ids: Sequence[str]) -> list[MemoryOwner]:
    """Whose memories these are; an id without a row is left out."""
    columns = [memories.c[name] for name in MemoryOwner.model_fields if name != "memory_id"]
    rows = connection.execute(
        select(memories.c.id.label("memory_id"), *columns).where(
            memories.c.tenant_id == tenant_id, memories.c.id.in_(ids)
        )
    )
    return [MemoryOwner(**row._asdict()) for row in rows]


def find(
    connection: Connection, tenant_id: str, memory_id: str, *, user_id: str | None, agent_id: str | None
) -> KnownMemory | None:
    """One memory of a user, or of an agent's own; None when there is none, or it is somebody else's."""
    of_agent = (memories.c.agent_id == agent_id, memories.c.scope == Scope.AGENT)
    of_owner = of_agent if user_id is None else (memories.c.user_id == user_id,)
    row = connection.execute(
        select(memories.c.scope, memories.c.kind, memories.c.session_id, memories.c.event_id).where(
            memories.c.tenant_id == tenant_id, memories.c.id == memory_id, *of_owner
        )
    ).one_or_none()
    return KnownMemory(Scope(row.scope), Kind(row.kind), row.session_id, row.event_id) if row else None


# Once an hour for each memory: an exact time would write a row for each memory of each context. A row that somebody
# else is writing is passed over, so that nobody waits, and no two batches wait for each other.
_NOTE_USES = text(
    """
    UPDATE memories SET last_used_at = used.at
    FROM (
        SELECT memories.id, given.at
        FROM jsonb_to_recordset(CAST(:uses AS jsonb)) AS given(id uuid, tenant_id text, at timestamptz)
        JOIN memories ON memories.id = given.id AND memories.tenant_id = given.tenant_id
        WHERE coalesce(memories.last_used_at < given.at - interval '1 hour', true)
        ORDER BY memories.id
        FOR UPDATE OF memories SKIP LOCKED
    ) AS used
    WHERE memories.id = used.id
    """
)


def note_uses(connection: Connection, uses: Sequence[MemoryUses]) -> None:
    """Note when memories were last given to somebody, to the hour. Memories that are gone are passed over."""
    last: dict[tuple[str, str], datetime] = {}
    for use in uses:
        for memory_id in use.memory_ids:
            last[use.tenant_id, memory_id] = max(use.at, last.get((use.tenant_id, memory_id), use.at))
    if last:
        given = [{"id": id, "tenant_id": tenant, "at": at.isoformat()} for (tenant, id), at in last.items()]
        connection.execute(_NOTE_USES, {"uses": json.dumps(given)})


def count_archived(connection: Connection) -> int:
    """How many memories are archived, of all tenants. It looks at every row."""
    return int(connection.execute(select(func.count()).where(memories.c.archived_at.is_not(None))).scalar_one())


def archive(connection: Connection, ids: Sequence[str]) -> list[Gone]:
    """Note that memories are left out of recall from now on; how many that were not."""
    key = (memories.c.tenant_id, memories.c.user_id, memories.c.agent_id)
    archived = update(memories).where(memories.c.id.in_(ids), memories.c.archived_at.is_(None))
    now_so = archived.values(archived_at=func.clock_timestamp()).returning(*key).cte("archived")
    counted = select(*now_so.c, func.count().label("count")).group_by(*now_so.c)
    return [Gone(**row._asdict()) for row in connection.execute(counted)]


def restore(connection: Connection, tenant_id: str, memory_id: str) -> bool:
    """Note that a memory is part of recall again, and was of use now; False for one that was not archived."""
    back = update(memories).where(
        memories.c.tenant_id == tenant_id, memories.c.id == memory_id, memories.c.archived_at.is_not(None)
    )
    # As used just now: else the next run would archive it again.
    noted = connection.execute(back.values(archived_at=None, last_used_at=func.clock_timestamp()))
    return noted.rowcount == 1


def set_importance(connection: Connection, importances: Mapping[str, float]) -> None:
    """Note how important memories are, by id."""
    for memory_id, importance in sorted(importances.items()):
        connection.execute(update(memories).where(memories.c.id == memory_id).values(importance=importance))


def learned(connection: Connection, tenant_id: str, ids: Sequence[str]) -> dict[str, Learned]:
    """How memories were learned, by id; those without a row are left out."""
    columns = [memories.c[name] for name in Learned.__dataclass_fields__]
    wanted = select(memories.c.id, *columns).where(memories.c.id.in_(ids), memories.c.tenant_id == tenant_id)
    rows = (row._asdict() for row in connection.execute(wanted))
    return {row.pop("id"): Learned(**row) for row in rows}


def _remove(connection: Connection, *where: ColumnElement[bool]) -> list[Gone]:
    key = (memories.c.tenant_id, memories.c.user_id, memories.c.agent_id)
    gone = delete(memories).where(*where).returning(*key).cte("gone")
    # Counted by user and agent, since statistics are kept by both.
    counted = select(*gone.c, func.count().label("count")).group_by(*gone.c)
    return [Gone(**row._asdict()) for row in connection.execute(counted)]
