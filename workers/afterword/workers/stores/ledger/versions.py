"""Versions of memories: each wording that a memory had, from its first correction on.

A correction is recorded before the vector store has it, so that neither of the two texts can be lost. The rows go with
the memory's own, whatever removes that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID, insert

from afterword.schemas.values import Metadata
from afterword.workers.stores.ledger.memories import memories
from afterword.workers.stores.ledger.metadata import metadata, moment

memory_versions = Table(
    "memory_versions",
    metadata,
    Column("memory_id", UUID(as_uuid=False), ForeignKey("memories.id", ondelete="CASCADE"), primary_key=True),
    # 1 is how it was learned or added.
    Column("number", Integer, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    # NULL for an agent's own memory.
    Column("user_id", Text),
    Column("text", Text, nullable=False),
    Column("metadata", JSONB, nullable=False, server_default="{}"),
    Column("since", DateTime(timezone=True), nullable=False),
    # The account that corrected it, and its request; NULL for the first.
    Column("by", Text),
    Column("request_id", Text),
    # NULL while the vector store may still hold an older one
    moment("stored_at"),
    Index("ix_memory_versions_subject", "tenant_id", "user_id"),
    Index("uq_memory_versions_request", "memory_id", "request_id", unique=True),
    Index("ix_memory_versions_unstored", "since", postgresql_where=text("stored_at IS NULL")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One wording of a memory."""

    memory_id: str
    number: int
    tenant_id: str
    user_id: str | None
    text: str
    metadata: Metadata
    since: datetime
    by: str | None = None
    request_id: str | None = None
    stored_at: datetime | None = None


_COLUMNS = tuple(memory_versions.c[name] for name in Version.__dataclass_fields__)


def write(connection: Connection, version: Version) -> None:
    """Record a version. The caller has locked the memory, and knows that its number is the next one."""
    connection.execute(insert(memory_versions).values(asdict(version)))


def lock(connection: Connection, tenant_id: str, memory_id: str) -> bool:
    """Hold a memory until the end of the transaction: nobody corrects or removes it meanwhile. False: there is none."""
    row = select(memories.c.id).where(memories.c.id == memory_id, memories.c.tenant_id == tenant_id).with_for_update()
    return connection.execute(row).first() is not None


def newest(connection: Connection, tenant_id: str, memory_id: str) -> Version | None:
    """The version that holds; None for a memory that was never corrected."""
    found = page(connection, tenant_id, memory_id, before=None, limit=1)
    return found[0] if found else None


def page(
    connection: Connection, tenant_id: str, memory_id: str, *, before: int | None, limit: int
) -> Sequence[Version]:
    """Versions of a memory, newest first; only those with a lower number than `before`."""
    c = memory_versions.c
    wanted = select(*_COLUMNS).where(c.memory_id == memory_id, c.tenant_id == tenant_id)
    if before is not None:
        wanted = wanted.where(c.number < before)
    return [_version(row) for row in connection.execute(wanted.order_by(c.number.desc()).limit(limit))]


def is_recorded(connection: Connection, tenant_id: str, memory_id: str, request_id: str) -> bool:
    """Whether a request has made its version."""
    c = memory_versions.c
    wanted = select(c.number).where(c.memory_id == memory_id, c.tenant_id == tenant_id, c.request_id == request_id)
    return connection.execute(wanted).first() is not None


def note_stored(connection: Connection, version: Version) -> None:
    """Note that the vector store holds this version, so that none before it need be written any more."""
    c = memory_versions.c
    done = update(memory_versions).where(c.memory_id == version.memory_id, c.number <= version.number)
    connection.execute(done.where(c.stored_at.is_(None)).values(stored_at=func.clock_timestamp()))


def unstored(connection: Connection, *, limit: int) -> list[tuple[str, str]]:
    """Tenant and id of memories of which the vector store lacks the newest version, in no order."""
    c = memory_versions.c
    waiting = select(c.tenant_id, c.memory_id).where(c.stored_at.is_(None))
    # Not the oldest ones: as many that cannot be written would stand before all others.
    some = waiting.order_by(func.random()).limit(limit)
    return list(dict.fromkeys((row.tenant_id, row.memory_id) for row in connection.execute(some)))


def _version(row: Row[*tuple[Any, ...]]) -> Version:
    return Version(**row._asdict())
