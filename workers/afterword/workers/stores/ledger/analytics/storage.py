"""How much is stored of whom: memories, characters and bytes of each user, and of each agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Subquery, case, cast, func, null, or_, select

from afterword.schemas.values import Scope
from afterword.workers.stores.ledger.memories import memories
from afterword.workers.stores.ledger.policies import RulesOfRows

_WIDE = ("zh", "ja", "ko")
"""Languages whose characters take three bytes in UTF-8."""

_OF_AGENT = memories.c.scope == Scope.AGENT


@dataclass(frozen=True, slots=True)
class StoredOf:
    """What there is of a user, or of an agent itself; without either, of all."""

    user_id: str | None
    agent_id: str | None
    memories: int
    archived: int
    characters: int
    bytes: int


def largest(
    connection: Connection, tenant_id: str, *, of_agents: bool, by_bytes: bool, vector_bytes: int, limit: int
) -> list[StoredOf]:
    """The users of a tenant of whom most is stored, or the agents."""
    owners = _owners(vector_bytes, memories.c.tenant_id == tenant_id, _OF_AGENT if of_agents else ~_OF_AGENT)
    order = owners.c.bytes if by_bytes else owners.c.memories
    names = [owners.c[name] for name in StoredOf.__dataclass_fields__]
    rows = connection.execute(select(*names).order_by(order.desc(), owners.c.user_id, owners.c.agent_id).limit(limit))
    return [StoredOf(**row._asdict()) for row in rows]


def whole(connection: Connection, tenant_id: str, *, vector_bytes: int) -> StoredOf:
    """What is stored of the whole tenant."""
    row = connection.execute(select(*_amounts(vector_bytes)).where(memories.c.tenant_id == tenant_id)).one()
    return StoredOf(None, None, **row._asdict())


def over_quota(connection: Connection, defaults: Mapping[str, Any], *, vector_bytes: int) -> dict[str, int]:
    """How many users and agents, of all tenants, have more than their quota."""
    owners = _owners(vector_bytes)
    rules = RulesOfRows(owners, defaults)
    over = or_(
        owners.c.memories > func.nullif(rules.number("quota_memories"), 0),
        owners.c.bytes > func.nullif(rules.number("quota_bytes"), 0),
    )
    counted = select(
        func.count().filter(owners.c.agent_id.is_(None)).label("user"),
        func.count().filter(owners.c.agent_id.is_not(None)).label("agent"),
    )
    return dict(connection.execute(counted.select_from(rules.rows).where(over)).one()._asdict())


def _owners(vector_bytes: int, *where: ColumnElement[bool]) -> Subquery:
    user = case((_OF_AGENT, null()), else_=memories.c.user_id)
    agent = case((_OF_AGENT, memories.c.agent_id), else_=null())
    of_owner = (memories.c.tenant_id, user.label("user_id"), agent.label("agent_id"))
    return (
        select(*of_owner, *_amounts(vector_bytes)).where(*where).group_by(memories.c.tenant_id, user, agent)
    ).subquery("owners")


def _amounts(vector_bytes: int) -> tuple[ColumnElement[Any], ...]:
    width = case((memories.c.language.in_(_WIDE), 3), else_=1)
    return (
        func.count().label("memories"),
        func.count().filter(memories.c.archived_at.is_not(None)).label("archived"),
        _sum(memories.c.text_length).label("characters"),
        (_sum(memories.c.text_length * width) + func.count() * vector_bytes).label("bytes"),
    )


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
