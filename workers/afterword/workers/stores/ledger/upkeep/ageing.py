"""What policies let go: memories past their retention, and rows of the audit past theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select

from afterword.schemas.values import Kind, Scope
from afterword.workers.stores.ledger.audit import audit
from afterword.workers.stores.ledger.memories import memories
from afterword.workers.stores.ledger.policies import RulesOfRows, is_over


@dataclass(frozen=True, slots=True)
class AgedMemory:
    """A memory that a policy takes."""

    id: str
    tenant_id: str
    scope: Scope
    kind: Kind


Counted = dict[tuple[Scope, Kind], int]


def past_retention(
    connection: Connection, defaults: Mapping[str, Any], *, tenant_id: str | None, after: str | None, limit: int
) -> list[AgedMemory]:
    """Memories that have been kept for as long as the policies say, by id: those that follow `after`."""
    ended = _ended(defaults, tenant_id)
    if after is not None:
        ended = ended.where(memories.c.id > after)
    return aged_memories(connection, ended.order_by(memories.c.id).limit(limit))


def count_past_retention(connection: Connection, defaults: Mapping[str, Any], tenant_id: str) -> Counted:
    """How many there are of a tenant, by scope and kind."""
    return counted_memories(connection, _ended(defaults, tenant_id))


def older(connection: Connection, tenant_id: str, user_id: str, *, than: timedelta, limit: int) -> list[AgedMemory]:
    """A user's memories that were stored longer ago than that."""
    return aged_memories(connection, select(*_COLUMNS).where(*_stored_before(tenant_id, user_id, than)).limit(limit))


def count_older(connection: Connection, tenant_id: str, user_id: str, *, than: timedelta) -> int:
    """How many those are."""
    where = _stored_before(tenant_id, user_id, than)
    return connection.execute(select(func.count()).select_from(memories).where(*where)).scalar_one()


def drop_audit(
    connection: Connection, defaults: Mapping[str, Any], *, tenant_id: str | None, after: int, limit: int
) -> tuple[dict[str, int], int | None]:
    """Remove rows of the audit that were kept for as long as the policies say: how many of each tenant, and the last
    id. Single queries have a retention of their own.
    """
    ids = _old_audit(defaults, tenant_id).where(audit.c.id > after).order_by(audit.c.id).limit(limit)
    gone = connection.execute(delete(audit).where(audit.c.id.in_(ids)).returning(audit.c.tenant_id, audit.c.id)).all()
    counts: dict[str, int] = {}
    for row in gone:
        counts[row.tenant_id] = counts.get(row.tenant_id, 0) + 1
    return counts, max((row.id for row in gone), default=None)


def count_old_audit(connection: Connection, defaults: Mapping[str, Any], tenant_id: str) -> int:
    """How many rows of a tenant's audit those are."""
    old = _old_audit(defaults, tenant_id).subquery()
    return connection.execute(select(func.count()).select_from(old)).scalar_one()


_COLUMNS = tuple(memories.c[name] for name in AgedMemory.__dataclass_fields__)


def _ended(defaults: Mapping[str, Any], tenant_id: str | None) -> Select[Any]:
    rules = RulesOfRows(memories, defaults)
    ended = select(*_COLUMNS).select_from(rules.rows).where(is_over(memories.c.created_at, rules.kept_days()))
    return ended if tenant_id is None else ended.where(memories.c.tenant_id == tenant_id)


def _stored_before(tenant_id: str, user_id: str, than: timedelta) -> tuple[ColumnElement[bool], ...]:
    owned = (memories.c.tenant_id == tenant_id, memories.c.user_id == user_id)
    return (*owned, memories.c.created_at < func.now() - than)


def _old_audit(defaults: Mapping[str, Any], tenant_id: str | None) -> Select[Any]:
    rules = RulesOfRows(audit, defaults)
    old = select(audit.c.id).select_from(rules.rows).where(is_over(audit.c.at, rules.number("audit_days")))
    old = old.where(audit.c.type != "memory_query")
    return old if tenant_id is None else old.where(audit.c.tenant_id == tenant_id)


def aged_memories(connection: Connection, wanted: Select[Any]) -> list[AgedMemory]:
    """The memories that a query finds; it selects the columns that `AgedMemory` has."""
    rows = connection.execute(wanted)
    return [AgedMemory(row.id, row.tenant_id, Scope(row.scope), Kind(row.kind)) for row in rows]


def counted_memories(connection: Connection, wanted: Select[Any]) -> Counted:
    """How many those are, by scope and kind."""
    found = wanted.subquery()
    counted = select(found.c.scope, found.c.kind, func.count().label("number")).group_by(found.c.scope, found.c.kind)
    return {(Scope(row.scope), Kind(row.kind)): row.number for row in connection.execute(counted)}
