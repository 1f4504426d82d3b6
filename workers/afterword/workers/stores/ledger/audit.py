"""The audit: one row for every memory event, in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select

from afterword.workers.stores.ledger.tables import audit

Type = Literal[
    "conversation_received",
    "conversation_skipped",
    "conversation_conflict",
    "conversation_dead",
    "dead_letter_replay",
    "extraction",
    "memory_add",
    "memory_repeat",
    "memory_delete",
    "memory_clear",
    "memory_query",
]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to whose memories. Never holds what a memory says."""

    type: Type
    tenant_id: str
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    memory_id: str | None = None
    result_count: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def write(connection: Connection, events: Sequence[Event]) -> None:
    """Add rows, in order."""
    if events:
        connection.execute(insert(audit), [asdict(event) for event in events])


def counts(connection: Connection, type: Type, memory_ids: Sequence[str]) -> dict[str, int]:
    """How many rows of a type tell of each of these memories; those without any are left out."""
    rows = connection.execute(
        select(audit.c.memory_id, func.count().label("number"))
        .where(audit.c.memory_id.in_(memory_ids), audit.c.type == type)
        .group_by(audit.c.memory_id)
    )
    return {row.memory_id: row.number for row in rows}


def read(connection: Connection, tenant_id: str, user_id: str) -> list[Event]:
    """A subject's rows, oldest first."""
    columns = [audit.c[name] for name in Event.__dataclass_fields__]
    rows = connection.execute(
        select(*columns).where(audit.c.tenant_id == tenant_id, audit.c.user_id == user_id).order_by(audit.c.id)
    )
    return [Event(**row._asdict()) for row in rows]
