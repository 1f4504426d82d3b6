"""Deletions: each request to forget is recorded before anything is removed.

A deletion holds from its commit on. The same transaction removes the ledger's rows. Memories that the vector store
still has are hidden from readers, and removed as soon as the store answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Identity,
    Index,
    Row,
    Table,
    Text,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.workers.stores.ledger.metadata import count, metadata, moment

deletions = Table(
    "deletions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    # Whose: a user's (with a session, that thread's), or an agent's.
    Column("user_id", Text),
    Column("agent_id", Text),
    Column("session_id", Text),
    # All that the owner had by then, or the memories named alone.
    Column("everything", Boolean, nullable=False),
    # Ids to remove whenever they were written: one memory, or what a worker had in hand when it was asked for
    Column("memory_ids", JSONB, nullable=False, server_default="[]"),
    # The agents that may own some of these
    Column("agents", JSONB, nullable=False, server_default="[]"),
    # For the audit row: the scope and the kind of one memory
    Column("details", JSONB, nullable=False, server_default="{}"),
    Column("requested_by", Text),
    moment("requested_at", now=True),
    # How many memories the ledger knew of
    count("known"),
    # NULL while something may still be in the vector store
    moment("finished_at"),
    # NULL while a worker that was paused or killed may have left something behind
    moment("settled_at"),
    Index("ix_deletions_owner", "tenant_id", "user_id", "requested_at"),
    Index("ix_deletions_pending", "requested_at", postgresql_where=text("settled_at IS NULL")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The memories to be forgotten: `everything` of an owner, or those of these ids."""

    tenant_id: str
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    everything: bool
    memory_ids: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    requested_by: str | None = None
    known: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """A recorded deletion. What was written after `requested_at` is no part of it, unless its id is named."""

    id: int
    wanted: Wanted
    requested_at: datetime


_NAMES = tuple(Wanted.__dataclass_fields__)
_COLUMNS = (deletions.c.id, deletions.c.requested_at, *(deletions.c[name] for name in _NAMES))


def record(connection: Connection, wanted: Wanted) -> Deletion:
    """Write a deletion down, as of now. It holds once the transaction is committed."""
    given = {name: getattr(wanted, name) for name in _NAMES}
    given |= {"memory_ids": list(wanted.memory_ids), "agents": list(wanted.agents)}
    row = connection.execute(insert(deletions).values(given).returning(deletions.c.id, deletions.c.requested_at)).one()
    return Deletion(row.id, wanted, row.requested_at)


def pending(connection: Connection, *, limit: int) -> list[Deletion]:
    """Deletions that the vector store has not carried out yet, oldest first."""
    unfinished = select(*_COLUMNS).where(deletions.c.finished_at.is_(None))
    return [_deletion(row) for row in connection.execute(unfinished.order_by(deletions.c.requested_at).limit(limit))]


def find(connection: Connection, tenant_id: str, deletion_id: int) -> tuple[Deletion, datetime | None] | None:
    """A tenant's deletion, and when the vector store had carried it out; None where there is none."""
    wanted = select(*_COLUMNS, deletions.c.finished_at).where(
        deletions.c.id == deletion_id, deletions.c.tenant_id == tenant_id
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else (_deletion(row), row.finished_at)


def finish(connection: Connection, deletion_id: int) -> bool:
    """Note that nothing of it is left in the vector store. Returns False when that was noted before."""
    done = update(deletions).where(deletions.c.id == deletion_id, deletions.c.finished_at.is_(None))
    return connection.execute(done.values(finished_at=func.clock_timestamp())).rowcount == 1


def unsettled(connection: Connection, *, older_than: timedelta, limit: int) -> list[Deletion]:
    """Finished deletions that need a second look, now that no worker can hold anything from before them."""
    waiting = select(*_COLUMNS).where(
        deletions.c.settled_at.is_(None),
        deletions.c.finished_at.is_not(None),
        deletions.c.requested_at < func.clock_timestamp() - older_than,
    )
    return [_deletion(row) for row in connection.execute(waiting.order_by(deletions.c.requested_at).limit(limit))]


def settle(connection: Connection, deletion_id: int) -> None:
    """Note that nothing of it can come back any more."""
    settled = update(deletions).where(deletions.c.id == deletion_id)
    connection.execute(settled.values(settled_at=func.clock_timestamp()))


def clears_of(connection: Connection, users: Sequence[tuple[str, str]]) -> list[Deletion]:
    """All recorded clears of these users (tenant, user), of single sessions too."""
    if not users:
        return []
    of_users = tuple_(deletions.c.tenant_id, deletions.c.user_id).in_(list(users))
    return [_deletion(row) for row in connection.execute(select(*_COLUMNS).where(of_users, deletions.c.everything))]


def agents_cleared(connection: Connection, tenant_id: str, agent_ids: Sequence[str]) -> dict[str, datetime]:
    """When these agents were last cleared; those that never were, or long ago, are left out."""
    of_agents = (deletions.c.tenant_id == tenant_id, deletions.c.user_id.is_(None), deletions.c.everything)
    rows = connection.execute(
        select(deletions.c.agent_id, func.max(deletions.c.requested_at).label("at"))
        .where(*of_agents, deletions.c.agent_id.in_(agent_ids))
        .group_by(deletions.c.agent_id)
    )
    return {row.agent_id: row.at for row in rows}


def remove_of(connection: Connection, tenant_id: str, user_id: str) -> int:
    """Forget which deletions a user asked for. Returns how many there were."""
    theirs = (deletions.c.tenant_id == tenant_id, deletions.c.user_id == user_id)
    return connection.execute(delete(deletions).where(*theirs)).rowcount


def drop_settled(connection: Connection, *, kept: timedelta, limit: int) -> int:
    """Forget deletions that were settled longer ago than `kept`. Returns how many."""
    old = select(deletions.c.id).where(deletions.c.settled_at < func.clock_timestamp() - kept).limit(limit)
    return connection.execute(delete(deletions).where(deletions.c.id.in_(old))).rowcount


def _deletion(row: Row[*tuple[Any, ...]]) -> Deletion:
    given = row._asdict()
    wanted = {name: given[name] for name in _NAMES}
    wanted |= {"memory_ids": tuple(wanted["memory_ids"]), "agents": tuple(wanted["agents"])}
    return Deletion(given["id"], Wanted(**wanted), given["requested_at"])
