"""Batches of query events that are written down."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Table, delete
from sqlalchemy.dialects.postgresql import UUID, insert

from afterword.workers.stores.ledger.metadata import metadata, moment

# Batches of query events that are written already, so that a redelivered one is not written again.
telemetry_batches = Table(
    "telemetry_batches",
    metadata,
    Column("batch_id", UUID(as_uuid=False), primary_key=True),
    moment("recorded_at", now=True),
)


def note(connection: Connection, batch_id: str) -> bool:
    """Whether the batch is new; it is known from now on."""
    row = insert(telemetry_batches).values(batch_id=batch_id).on_conflict_do_nothing()
    return connection.execute(row.returning(telemetry_batches.c.batch_id)).first() is not None


def drop(connection: Connection, *, before: datetime) -> int:
    """Forget the batches recorded before then; how many."""
    return connection.execute(delete(telemetry_batches).where(telemetry_batches.c.recorded_at < before)).rowcount
