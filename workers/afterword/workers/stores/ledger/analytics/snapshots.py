"""Snapshots: usage and system figures of a slot, beside what the vector store counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
)

from afterword.workers.stores.ledger.analytics.statistics import day_of
from afterword.workers.stores.ledger.metadata import count, metadata, moment, total

# Usage and system figures at the beginning of a slot of some minutes; tenant "": all of them.
snapshots = Table(
    "snapshots",
    metadata,
    Column("slot", DateTime(timezone=True), primary_key=True),
    Column("tenant_id", Text, primary_key=True),
    moment("taken_at", now=True),
    count("memories"),
    total("characters"),
    # The vector store's own count, and by how much that is more than `memories`; NULL: it did not answer.
    Column("stored", BigInteger),
    Column("difference", BigInteger),
    count("users"),
    count("active_day"),
    count("active_week"),
    count("active_month"),
    count("waiting_conversations"),
    count("dead_letters"),
    # Of the whole, NULL for a tenant.
    Column("dimensions", Integer),
    Column("vector_bytes", BigInteger),
    Column("ledger_bytes", BigInteger),
    Index("ix_snapshots_tenant", "tenant_id", "slot"),
)

SNAPSHOT = "snapshot"
"""The milestone of the last slot that was taken."""

ALL = ""
"""The tenant of the snapshot of all tenants together."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Figures of the vector store: points by tenant (all of them under ALL), dimensions, bytes where it knows."""

    points: Mapping[str, int]
    dimensions: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The memories of a tenant as its last snapshot counted them in the ledger and in the vector store (None: away)."""

    memories: int
    stored: int | None
    difference: int | None
    taken_at: datetime


_FIGURES = (
    "memories",
    "characters",
    "users",
    "active_day",
    "active_week",
    "active_month",
    "waiting_conversations",
    "dead_letters",
)
_SUMS = ", ".join(f"COALESCE(sum({name}), 0)::bigint AS {name}" for name in _FIGURES)

_USAGE = text(
    f"""
    SELECT tenant_id, {_SUMS}
    FROM (
        SELECT tenant_id, memories, characters, 0 AS users, 0 AS active_day, 0 AS active_week, 0 AS active_month,
               0 AS waiting_conversations, 0 AS dead_letters
        FROM content_statistics WHERE day = :today
        UNION ALL
        SELECT tenant_id, 0, 0, count(*) FILTER (WHERE memories > 0), count(*) FILTER (WHERE last_active_on >= :today),
               count(*) FILTER (WHERE last_active_on > CAST(:today AS date) - 7),
               count(*) FILTER (WHERE last_active_on > CAST(:today AS date) - 30), 0, 0
        FROM user_statistics GROUP BY tenant_id
        UNION ALL
        SELECT tenant_id, 0, 0, 0, 0, 0, 0, count(*), 0
        FROM conversations WHERE status IN ('received', 'stored', 'extracting') GROUP BY tenant_id
        UNION ALL
        SELECT tenant_id, 0, 0, 0, 0, 0, 0, 0, count(*) FROM dead_letters WHERE tenant_id IS NOT NULL GROUP BY tenant_id
        UNION ALL
        SELECT '', 0, 0, 0, 0, 0, 0, 0, count(*) FROM dead_letters WHERE tenant_id IS NULL
    ) AS parts
    GROUP BY GROUPING SETS ((tenant_id), ())
    """  # names of our own columns
)
_LEDGER_BYTES = text("SELECT pg_database_size(current_database())")


def write(connection: Connection, slot: datetime, collection: Collection | None) -> None:
    """Write the figures of a slot as they are now: of every tenant, and of all. Rolled-up figures must be up to date.

    Without a `collection` the vector store was away.
    """
    rows = []
    for found in connection.execute(_USAGE, {"today": day_of(slot)}).mappings():
        # The sum over everything has NULL for a tenant. Letters of no tenant have "": they count in that sum alone.
        if found["tenant_id"] == ALL:
            continue
        tenant_id = found["tenant_id"] or ALL
        row = {**found, "slot": slot, "tenant_id": tenant_id, "stored": None, "difference": None}
        if collection is not None:
            stored = collection.points.get(tenant_id, 0)
            row |= {"stored": stored, "difference": stored - found["memories"]}
        rows.append({**row, **_system(connection, collection, tenant_id)})
    connection.execute(insert(snapshots), rows)


def _system(connection: Connection, collection: Collection | None, tenant_id: str) -> dict[str, int | None]:
    if tenant_id != ALL:
        return {"dimensions": None, "vector_bytes": None, "ledger_bytes": None}
    size = int(connection.execute(_LEDGER_BYTES).scalar_one())
    dimensions, taken = (collection.dimensions, collection.bytes) if collection else (None, None)
    return {"dimensions": dimensions, "vector_bytes": taken, "ledger_bytes": size}


def latest(connection: Connection, tenant_id: str) -> Reconciled | None:
    """The last snapshot of a tenant."""
    columns = (snapshots.c.memories, snapshots.c.stored, snapshots.c.difference, snapshots.c.taken_at)
    found = connection.execute(
        select(*columns).where(snapshots.c.tenant_id == tenant_id).order_by(snapshots.c.slot.desc()).limit(1)
    ).one_or_none()
    return Reconciled(**found._asdict()) if found else None


_THIN = text(
    """
    DELETE FROM snapshots WHERE slot < :before AND EXISTS (
        SELECT FROM snapshots AS later
        WHERE later.tenant_id = snapshots.tenant_id AND later.slot > snapshots.slot
          AND later.slot < date_trunc('day', snapshots.slot, 'UTC') + interval '1 day'
    )
    """
)


def thin_out(connection: Connection, before: datetime) -> int:
    """Keep only the last snapshot a day of each tenant, for days before that of `before`. Returns how many went."""
    # Whole days only: the last snapshot of a day is not known before it is over.
    start = before.replace(hour=0, minute=0, second=0, microsecond=0)
    return connection.execute(_THIN, {"before": start}).rowcount


def drop(connection: Connection, *, before: datetime) -> int:
    """Remove the snapshots of slots before then; how many there were."""
    return connection.execute(delete(snapshots).where(snapshots.c.slot < before)).rowcount
