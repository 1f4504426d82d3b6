"""How useful memories are: who has more than a policy allows, which go first, and which nobody recalls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, case, cast, func, null, select

from afterword.schemas.values import Kind, Scope
from afterword.workers.stores.ledger.memories import memories
from afterword.workers.stores.ledger.policies import RulesOfRows, days_long, is_over
from afterword.workers.stores.ledger.upkeep.ageing import AgedMemory, Counted, aged_memories, counted_memories
from afterword.workers.stores.ledger.upkeep.milestones import milestones

USES_NOTED_SINCE = "uses_noted_since"
"""The milestone from which on uses are known: what was recalled before that is not known to be unused."""

_MIDDLING = 0.5
"""The importance of a memory that was saved before importance was kept in the ledger."""

_OF_AGENT = memories.c.scope == Scope.AGENT
# An owner is the user, or for an agent's own memories the agent.
_OWNER_USER = case((_OF_AGENT, null()), else_=memories.c.user_id)
_OWNER_AGENT = case((_OF_AGENT, memories.c.agent_id), else_=null())
_COLUMNS = tuple(memories.c[name] for name in AgedMemory.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Crowded:
    """A user, or an agent, who has so many memories more than the policies allow."""

    tenant_id: str
    user_id: str | None
    agent_id: str | None
    excess: int


def crowded(connection: Connection, defaults: Mapping[str, Any], *, tenant_id: str | None) -> list[Crowded]:
    """Everybody who has too many."""
    counted = select(
        memories.c.tenant_id, _OWNER_USER.label("user_id"), _OWNER_AGENT.label("agent_id"), func.count().label("number")
    ).group_by(memories.c.tenant_id, _OWNER_USER, _OWNER_AGENT)
    if tenant_id is not None:
        counted = counted.where(memories.c.tenant_id == tenant_id)
    owners = counted.subquery("owners")
    rules = RulesOfRows(owners, defaults)
    most = cast(func.nullif(rules.number("max_memories"), 0), Integer)
    names = (owners.c.tenant_id, owners.c.user_id, owners.c.agent_id)
    rows = connection.execute(
        select(*names, (owners.c.number - most).label("excess")).select_from(rules.rows).where(owners.c.number > most)
    )
    return [Crowded(**row._asdict()) for row in rows]


def least_useful(connection: Connection, owner: Crowded, *, limit: int) -> list[AgedMemory]:
    """The memories of an owner that go first, at most so many.

    Archived ones go before others; those that are older than a day before what was just said; what was learned and
    said before notes by hand. Among these the less important go first, in steps of a tenth, and within a step those
    that were used, or stored, longest ago.
    """
    return aged_memories(connection, _by_usefulness(owner).limit(limit))


def count_least_useful(connection: Connection, owner: Crowded) -> Counted:
    """What those over the bound are, by scope and kind."""
    return counted_memories(connection, _by_usefulness(owner).limit(owner.excess))


def unused(
    connection: Connection, defaults: Mapping[str, Any], *, tenant_id: str | None, after: str | None, limit: int
) -> list[AgedMemory]:
    """Memories that the policies archive, by id: those that follow `after`. Notes by hand are never archived."""
    wanted = _unused(defaults, tenant_id)
    if after is not None:
        wanted = wanted.where(memories.c.id > after)
    return aged_memories(connection, wanted.order_by(memories.c.id).limit(limit))


def count_unused(connection: Connection, defaults: Mapping[str, Any], tenant_id: str) -> Counted:
    """How many those are of a tenant, by scope and kind."""
    return counted_memories(connection, _unused(defaults, tenant_id))


def unweighed(connection: Connection, *, tenant_id: str | None, limit: int) -> list[str]:
    """Memories whose importance the ledger does not know yet."""
    wanted = select(memories.c.id).where(memories.c.importance.is_(None))
    if tenant_id is not None:
        wanted = wanted.where(memories.c.tenant_id == tenant_id)
    return list(connection.execute(wanted.limit(limit)).scalars())


def _by_usefulness(owner: Crowded) -> Select[Any]:
    if owner.user_id is not None:
        owned: ColumnElement[bool] = (memories.c.user_id == owner.user_id) & ~_OF_AGENT
    else:
        owned = (memories.c.agent_id == owner.agent_id) & _OF_AGENT
    order = (
        memories.c.archived_at.is_(None),
        memories.c.created_at > func.now() - days_long(1),
        memories.c.kind == Kind.NOTE,
        func.floor(func.coalesce(memories.c.importance, _MIDDLING) * 10),
        func.coalesce(memories.c.last_used_at, memories.c.created_at),
        memories.c.id,
    )
    return select(*_COLUMNS).where(memories.c.tenant_id == owner.tenant_id, owned).order_by(*order)


def _unused(defaults: Mapping[str, Any], tenant_id: str | None) -> Select[Any]:
    rules = RulesOfRows(memories, defaults)
    noted = select(milestones.c.reached).where(milestones.c.name == USES_NOTED_SINCE).scalar_subquery()
    # GREATEST passes over NULL: a ledger that has always noted uses has no such milestone.
    used_at = func.greatest(func.coalesce(memories.c.last_used_at, memories.c.created_at), noted)
    wanted = select(*_COLUMNS).select_from(rules.rows)
    wanted = wanted.where(
        memories.c.archived_at.is_(None),
        memories.c.kind != Kind.NOTE,
        is_over(used_at, rules.number("archive_after_days")),
        memories.c.importance < rules.number("archive_below"),
    )
    return wanted if tenant_id is None else wanted.where(memories.c.tenant_id == tenant_id)
