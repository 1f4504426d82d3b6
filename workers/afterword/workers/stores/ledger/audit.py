"""The audit: one row for every change of a memory, a letter, an agent or a key, in the transaction of that change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from afterword.workers.core.origin import Origin
from afterword.workers.stores.ledger.metadata import metadata, moment

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    moment("at", now=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("type", Text, nullable=False),
    Column("event_id", Text),
    Column("memory_id", Text),
    Column("result_count", Integer),
    Column("metadata", JSONB, nullable=False, server_default="{}"),
    # The words of a query, where that was opted in; nothing else in this table holds words.
    Column("query", Text),
    Index("ix_audit_subject", "tenant_id", "user_id", "at"),
    Index("ix_audit_agent", "tenant_id", "agent_id", "at"),
    Index("ix_audit_type", "type", "at"),
    Index("ix_audit_memory", "memory_id", postgresql_where=text("memory_id IS NOT NULL")),
)

Type = Literal[
    "conversation_received",
    "conversation_skipped",
    "conversation_conflict",
    "dead_letter",
    "dead_letter_replay",
    "dead_letter_discard",
    "memory_save",
    "memory_add",
    "memory_repeat",
    "memory_update",
    "memory_delete",
    "memory_clear",
    "memory_archive",
    "memory_restore",
    "memory_query",
    "agent_update",
    "agent_member",
    "conversation_deferred",
    "agent_share",
    "user_update",
    "user_export",
    "user_import",
    "extraction_request",
    "key_create",
    "key_revoke",
    "policy_update",
    "policy_apply",
    "user_erase",
    "user_erased",
]
"""`memory_save` is an operation (a conversation's excerpts, a batch of facts, a note) with how many memories it saved;
`memory_add` is one memory of it that was learned or added by hand, by its id. `agent_update` is an entry that somebody
wrote into the registry of agents; its metadata says who owns the agent, whether it remembers, and whether it has
instructions. `conversation_deferred` is an event that waits since a limit has no room
for it. `agent_member` is a role in an agent that an account was given, or with `null` was taken; `agent_share` is
an agent that shares from then on with another one, or no longer. `extraction_request` is a conversation that came
before an LLM was set and shall be extracted now.
`user_erase` and `user_erased` are an erasure that was asked for, and one that is done: they name it and not the user.
`user_import` is a number of memories that were kept elsewhere, `user_export` a copy of all that was handed out.
`user_update` is what somebody said about being remembered. `key_create` and `key_revoke` are about an API key: its id,
account and roles, never its secret. `memory_archive` is a batch of an owner's memories that left recall,
`memory_restore` one that came back. `policy_update` is a policy that somebody wrote, with its rules; `policy_apply` a
batch of transcripts or of audit rows that a policy or a setting let go: a memory's removal by one is a `memory_delete`
with its `reason`. The metadata of what somebody asked for names the account in `by`."""


@dataclass(frozen=True, slots=True)
class Event:
    """A thing that happened to somebody's memories. Never holds what a memory says.

    `at` is when it happened; None is now, by PostgreSQL's clock. `query` is the words of a query, where opted in.

    >>> Event.of("memory_add", Origin(tenant_id="acme", user_id="ann"), {"scope": "user"}, memory_id="7d3f").metadata
    {'scope': 'user'}
    """

    type: Type
    tenant_id: str
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    memory_id: str | None = None
    result_count: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    query: str | None = None
    # Not compared: PostgreSQL sets the time where none is given.
    at: datetime | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        type: Type,
        origin: Origin,
        metadata: Mapping[str, Any] | None = None,
        *,
        memory_id: str | None = None,
        result_count: int | None = None,
    ) -> Event:
        """An event of this origin, at the origin's time. Its batch, if there is one, joins the metadata."""
        batch = {} if origin.batch_id is None else {"batch_id": origin.batch_id}
        return cls(
            type=type,
            tenant_id=origin.tenant_id,
            user_id=origin.user_id,
            agent_id=origin.agent_id,
            session_id=origin.session_id,
            event_id=origin.event_id,
            memory_id=memory_id,
            result_count=result_count,
            metadata={**(metadata or {}), **batch},
            at=origin.at,
        )


_INSERT = insert(audit)


def write(connection: Connection, events: Sequence[Event]) -> None:
    """Add rows, in order."""
    # Events without a time take the column's default, and one INSERT cannot leave a column out for some of its rows.
    for dated, group in groupby(events, key=lambda event: event.at is not None):
        rows = [asdict(event) for event in group]
        connection.execute(_INSERT, rows if dated else [_undated(row) for row in rows])


def _undated(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "at"}


def counts(connection: Connection, type: Type, memory_ids: Sequence[str]) -> dict[str, int]:
    """How many rows of a type each of these memories has; those without any are left out."""
    rows = connection.execute(
        select(audit.c.memory_id, func.count().label("number"))
        .where(audit.c.memory_id.in_(memory_ids), audit.c.type == type)
        .group_by(audit.c.memory_id)
    )
    return {row.memory_id: row.number for row in rows}


def of_memory(connection: Connection, tenant_id: str, type: Type, memory_id: str) -> dict[str, Any]:
    """The metadata of the first row of a type about a memory; empty where there is none."""
    wanted = select(audit.c.metadata).where(
        audit.c.memory_id == memory_id, audit.c.type == type, audit.c.tenant_id == tenant_id
    )
    found: dict[str, Any] | None = connection.execute(wanted.order_by(audit.c.id).limit(1)).scalar_one_or_none()
    return found or {}


def read(connection: Connection, tenant_id: str, user_id: str) -> list[Event]:
    """A subject's rows, oldest first."""
    columns = [audit.c[name] for name in Event.__dataclass_fields__]
    rows = connection.execute(
        select(*columns).where(audit.c.tenant_id == tenant_id, audit.c.user_id == user_id).order_by(audit.c.id)
    )
    return [Event(**row._asdict()) for row in rows]


def after(connection: Connection, tenant_id: str, user_id: str, *, row_id: int, limit: int) -> list[tuple[int, Event]]:
    """A subject's rows that follow one, with their ids, oldest first."""
    columns = [audit.c[name] for name in Event.__dataclass_fields__]
    of_user = (audit.c.tenant_id == tenant_id, audit.c.user_id == user_id, audit.c.id > row_id)
    rows = connection.execute(
        select(audit.c.id.label("row_id"), *columns).where(*of_user).order_by(audit.c.id).limit(limit)
    )
    return [(row.row_id, Event(**{name: getattr(row, name) for name in Event.__dataclass_fields__})) for row in rows]


def count_of(connection: Connection, tenant_id: str, user_id: str) -> int:
    """How many rows a subject has."""
    theirs = (audit.c.tenant_id == tenant_id, audit.c.user_id == user_id)
    return int(connection.execute(select(func.count()).where(*theirs)).scalar_one())


def forget_queries(connection: Connection, tenant_id: str, user_id: str, session_id: str | None = None) -> None:
    """Drop the words of a subject's queries, or of those in one session."""
    worded = (audit.c.tenant_id == tenant_id, audit.c.user_id == user_id, audit.c.query.is_not(None))
    forgotten = update(audit).where(*worded).values(query=None)
    connection.execute(forgotten if session_id is None else forgotten.where(audit.c.session_id == session_id))


def drop_queries(connection: Connection, *, before: datetime, limit: int) -> int:
    """Remove at most `limit` queries older than `before`. Returns how many it removed."""
    # Ids first: a DELETE of PostgreSQL takes no LIMIT.
    old = select(audit.c.id).where(audit.c.type == "memory_query", audit.c.at < before).limit(limit)
    return connection.execute(delete(audit).where(audit.c.id.in_(old))).rowcount
