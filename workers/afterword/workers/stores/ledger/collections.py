"""Vector collections: the signature recognised in each, so that a change is noticed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.workers.stores.ledger.metadata import metadata, moment

# The signature recognised in a vector collection at the last start of a worker, and the one before it last changed.
collections = Table(
    "collections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("signature", JSONB, nullable=False),
    Column("before", JSONB),
    moment("changed_at", now=True),
)

StoredSignature = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """The signature recognised in a collection, since when, and the one before it (None: there was none)."""

    signature: StoredSignature
    before: StoredSignature | None
    changed_at: datetime


def get(connection: Connection, name: str) -> Kept | None:
    """The signature kept of a collection; None before the first start."""
    row = connection.execute(
        select(collections.c.signature, collections.c.before, collections.c.changed_at).where(
            collections.c.name == name
        )
    ).one_or_none()
    return Kept(*row) if row else None


def keep(connection: Connection, name: str, signature: StoredSignature) -> StoredSignature | None:
    """Keep a signature. Returns the one kept before if it was different, else None; of several workers that start at
    once, only one gets it."""
    connection.execute(insert(collections).values(name=name, signature=signature).on_conflict_do_nothing())
    of_name = collections.c.name == name
    # Locked, so that the first of several starters changes the row, and the others find it changed.
    kept: StoredSignature = connection.execute(
        select(collections.c.signature).where(of_name).with_for_update()
    ).scalar_one()
    if kept == signature:
        return None
    connection.execute(
        update(collections)
        .where(of_name)
        .values(signature=signature, before=collections.c.signature, changed_at=func.clock_timestamp())
    )
    return kept
