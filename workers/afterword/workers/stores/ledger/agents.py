"""Agents: a small registry of who owns them, whether and what they remember, and what they are told to remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Boolean, Column, Connection, Row, Table, Text, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert

from afterword.schemas.values import Scope
from afterword.workers.stores.ledger import agent_shares
from afterword.workers.stores.ledger.agent_members import agent_members
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
    # Of which scopes it learns and is given memories; NULL is all.
    Column("scopes", ARRAY(Text)),
    moment("created_at", now=True),
    moment("updated_at", now=True),
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as registered. One that is not registered remembers, has no owner, and shares with nobody."""

    tenant_id: str
    agent_id: str
    owner_id: str | None = None
    memory_enabled: bool = True
    instructions: str | None = None
    time_zone: str | None = None
    """The zone of its users, for times that come in UTC: an IANA name or an offset."""
    scopes: tuple[Scope, ...] = tuple(Scope)
    shares_with: tuple[str, ...] = ()
    """Agents that are given what this one has learned for itself. Written by `agent_shares`, not with the entry."""
    shared_by: tuple[str, ...] = ()
    """Agents whose own memories this one is given."""

    @property
    def lends(self) -> bool:
        """Whether those that it shares with are given anything: not while its memory, or its own scope, is off."""
        return self.memory_enabled and Scope.AGENT in self.scopes


# Of the table; the other fields of an `Agent` are read beside them.
_ENTRY = ("tenant_id", "agent_id", "owner_id", "memory_enabled", "instructions", "time_zone", "scopes")
_COLUMNS = tuple(agents.c[name] for name in _ENTRY)


def put(connection: Connection, agent: Agent) -> None:
    """Register an agent, or replace its entry; whom it shares with stays as it is."""
    values = {name: getattr(agent, name) for name in _ENTRY}
    values["scopes"] = None if agent.scopes == tuple(Scope) else [scope.value for scope in agent.scopes]
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
    return _with_shares(connection, tenant_id, [row])[0] if row else None


def lock(connection: Connection, tenant_id: str, agent_id: str) -> bool:
    """Hold an agent's entry until the end of the transaction; False for an agent that is not registered."""
    held = select(agents.c.agent_id).where(agents.c.tenant_id == tenant_id, agents.c.agent_id == agent_id)
    return connection.execute(held.with_for_update()).one_or_none() is not None


def lending(connection: Connection, tenant_id: str, agent_ids: Iterable[str]) -> tuple[str, ...]:
    """Those of these agents that others are given memories of, by id."""
    wanted = select(*_COLUMNS).where(agents.c.tenant_id == tenant_id, agents.c.agent_id.in_(list(agent_ids)))
    found = [_agent(row) for row in connection.execute(wanted.order_by(agents.c.agent_id))]
    return tuple(agent.agent_id for agent in found if agent.lends)


def among(connection: Connection, tenant_id: str, agent_ids: Iterable[str]) -> dict[str, Agent]:
    """The entries of those of these agents that are registered, by id, without whom they share with."""
    wanted = select(*_COLUMNS).where(agents.c.tenant_id == tenant_id, agents.c.agent_id.in_(list(agent_ids)))
    return {row.agent_id: _agent(row) for row in connection.execute(wanted)}


def every(
    connection: Connection, tenant_id: str, *, after: str = "", limit: int | None = None, account: str | None = None
) -> list[Agent]:
    """The registered agents of a tenant, by id; those that follow `after`, and at most `limit`. With `account` only
    those in which it has a role.
    """
    wanted = select(*_COLUMNS).where(agents.c.tenant_id == tenant_id, agents.c.agent_id > after)
    if account is not None:
        of_account = select(agent_members.c.agent_id).where(
            agent_members.c.tenant_id == tenant_id, agent_members.c.account == account
        )
        wanted = wanted.where(or_(agents.c.owner_id == account, agents.c.agent_id.in_(of_account)))
    rows = connection.execute(wanted.order_by(agents.c.agent_id).limit(limit)).all()
    return _with_shares(connection, tenant_id, rows)


def _with_shares(connection: Connection, tenant_id: str, rows: Sequence[Row[*tuple[object, ...]]]) -> list[Agent]:
    found = [_agent(row) for row in rows]
    given = agent_shares.about(connection, tenant_id, [agent.agent_id for agent in found])
    return [
        replace(agent, shares_with=given.readers_of(agent.agent_id), shared_by=given.read_by(agent.agent_id))
        for agent in found
    ]


def _agent(row: Row[*tuple[object, ...]]) -> Agent:
    fields = {**row._mapping}
    fields["scopes"] = tuple(Scope) if row.scopes is None else tuple(Scope(each) for each in row.scopes)
    return Agent(**fields)
