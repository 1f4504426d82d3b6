"""Agents: a small registry of who owns them, whether they remember, and what they are told to remember."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Boolean, Column, Connection, Table, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import metadata, moment

agents = Table(
    "agents",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("owner_id", Text),
    Column("memory_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("instructions", Text),
    # Of its users, for times that come in UTC.
    Column("time_zone", Text),
    moment("created_at", now=True),
    moment("updated_at", now=True),
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as registered. One that is not registered remembers, and has no owner."""

    tenant_id: str
    agent_id: str
    owner_id: str | None = None
    memory_enabled: bool = True
    instructions: str | None = None
    time_zone: str | None = None
    """The zone of its users, for times that come in UTC: an IANA name or an offset."""


_COLUMNS = tuple(agents.c[name] for name in Agent.__dataclass_fields__)


def put(connection: Connection, agent: Agent) -> None:
    """Register an agent, or replace its entry."""
    values = asdict(agent)
    # Without `created_at`: an agent that is replaced keeps the time of its first registration.
    changed = {**values, "updated_at": func.clock_timestamp()}
    connection.execute(
        insert(agents).values(values).on_conflict_do_update(index_elements=["tenant_id", "agent_id"], set_=changed)
    )


def get(connection: Connection, tenant_id: str, agent_id: str) -> Agent:
    """The agent's entry, or the defaults for an agent that is not registered."""
    return find(connection, tenant_id, agent_id) or Agent(tenant_id, agent_id)


def find(connection: Connection, tenant_id: str, agent_id: str) -> Agent | None:
    """The agent's entry; None for an agent that is not registered."""
    row = connection.execute(
        select(*_COLUMNS).where(agents.c.tenant_id == tenant_id, agents.c.agent_id == agent_id)
    ).one_or_none()
    return Agent(**row._asdict()) if row else None


def instructions(connection: Connection, tenant_id: str, agent_ids: Iterable[str]) -> dict[str, str]:
    """The instructions of these agents on what to remember, by agent id; those without any are left out."""
    rows = connection.execute(
        select(agents.c.agent_id, agents.c.instructions).where(
            agents.c.tenant_id == tenant_id, agents.c.agent_id.in_(list(agent_ids)), agents.c.instructions.is_not(None)
        )
    )
    return {row.agent_id: row.instructions for row in rows}


def every(connection: Connection, tenant_id: str, *, after: str = "", limit: int | None = None) -> list[Agent]:
    """The registered agents of a tenant, by id; those that follow `after`, and at most `limit`."""
    following = (agents.c.tenant_id == tenant_id, agents.c.agent_id > after)
    rows = connection.execute(select(*_COLUMNS).where(*following).order_by(agents.c.agent_id).limit(limit))
    return [Agent(**row._asdict()) for row in rows]
