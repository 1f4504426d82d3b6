"""Wishes: what users said about being remembered. Kept apart from what is cleared: an objection outlives that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Connection, Index, Table, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import metadata, moment

wishes = Table(
    "wishes",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("memory_enabled", Boolean, nullable=False, server_default=text("true")),
    moment("since", now=True),
    # The account that said so.
    Column("by", Text),
    Index("ix_wishes_objections", "tenant_id", "user_id", postgresql_where=text("NOT memory_enabled")),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user said, since when, and by which account."""

    memory_enabled: bool
    since: datetime
    by: str | None


def put(connection: Connection, tenant_id: str, user_id: str, *, memory_enabled: bool, by: str | None) -> None:
    """Note what a user says now. What they said before, and say again, keeps its time."""
    said = {"memory_enabled": memory_enabled, "by": by}
    row = insert(wishes).values(tenant_id=tenant_id, user_id=user_id, **said)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "user_id"],
            set_={**said, "since": func.clock_timestamp()},
            where=wishes.c.memory_enabled != memory_enabled,
        )
    )


def find(connection: Connection, tenant_id: str, user_id: str) -> Wish | None:
    """What a user said; None for who never said anything."""
    columns = [wishes.c[name] for name in Wish.__dataclass_fields__]
    wanted = select(*columns).where(wishes.c.tenant_id == tenant_id, wishes.c.user_id == user_id)
    row = connection.execute(wanted).one_or_none()
    return None if row is None else Wish(**row._asdict())


_OBJECTS = text("SELECT NOT memory_enabled FROM wishes WHERE tenant_id = :tenant_id AND user_id = :user_id")


def objects(connection: Connection, tenant_id: str, user_id: str) -> bool:
    """Whether nothing of a user may be kept."""
    return bool(connection.execute(_OBJECTS, {"tenant_id": tenant_id, "user_id": user_id}).scalar_one_or_none())


def count(connection: Connection) -> int:
    """How many users object, of all tenants."""
    return int(connection.execute(select(func.count()).where(~wishes.c.memory_enabled)).scalar_one())


def objecting(connection: Connection) -> frozenset[tuple[str, str]]:
    """All users (tenant, user) of whom nothing may be kept."""
    rows = connection.execute(select(wishes.c.tenant_id, wishes.c.user_id).where(~wishes.c.memory_enabled))
    return frozenset((row.tenant_id, row.user_id) for row in rows)
