"""Keys: who may call with which API key. The secret is not here, only its hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, Text, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.workers.stores.ledger.metadata import metadata, moment

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("roles", JSONB, nullable=False),
    # The user whom the key is bound to.
    Column("user_id", Text),
    Column("name", Text, nullable=False, server_default=""),
    Column("hash", Text, nullable=False),
    moment("created_at", now=True),
    moment("expires_at"),
    moment("revoked_at"),
    moment("last_used_at"),
    Index("ix_keys_tenant", "tenant_id", "created_at", "id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyRow:
    """A key to be kept."""

    id: str
    tenant_id: str
    account: str
    roles: tuple[str, ...]
    user_id: str | None
    name: str
    hash: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow(NewKeyRow):
    """A key as it is kept. `valid`: it was not revoked and has not expired, by PostgreSQL's clock."""

    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    valid: bool


_VALID = (keys.c.revoked_at.is_(None) & func.coalesce(keys.c.expires_at > func.clock_timestamp(), True)).label("valid")
_ROW = (*(keys.c[name] for name in KeyRow.__dataclass_fields__ if name != "valid"), _VALID)


def put(connection: Connection, key: NewKeyRow) -> bool:
    """Keep a key. False when its id is there already: that key stays as it is."""
    statement = insert(keys).values(asdict(key)).on_conflict_do_nothing().returning(keys.c.id)
    return connection.execute(statement).one_or_none() is not None


def get(connection: Connection, key_id: str) -> KeyRow | None:
    """The key with this id, of whatever tenant."""
    row = connection.execute(select(*_ROW).where(keys.c.id == key_id)).one_or_none()
    return _read(row) if row else None


def page(connection: Connection, tenant_id: str, *, limit: int, after: KeyRow | None) -> list[KeyRow]:
    """Keys of a tenant, newest first: those that follow `after`."""
    place = tuple_(keys.c.created_at, keys.c.id)
    wanted = select(*_ROW).where(keys.c.tenant_id == tenant_id)
    if after is not None:
        wanted = wanted.where(place < tuple_(after.created_at, after.id))
    rows = connection.execute(wanted.order_by(keys.c.created_at.desc(), keys.c.id.desc()).limit(limit))
    return [_read(row) for row in rows]


def revoke(connection: Connection, tenant_id: str, key_id: str) -> bool:
    """Revoke a key of a tenant; False when there is none that was still to be revoked."""
    changed = connection.execute(
        update(keys)
        .where(keys.c.tenant_id == tenant_id, keys.c.id == key_id, keys.c.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
    )
    return changed.rowcount > 0


def note_use(connection: Connection, key_id: str, *, every: timedelta) -> None:
    """Note that a key was used now, unless that was noted less than `every` ago."""
    old = func.clock_timestamp() - every
    connection.execute(
        update(keys)
        .where(keys.c.id == key_id, or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < old))
        .values(last_used_at=func.clock_timestamp())
    )


def _read(row: Any) -> KeyRow:
    fields = row._asdict()
    return KeyRow(**{**fields, "roles": tuple(fields["roles"])})
