"""Shares of agents: which agent is given what another one has learned for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Index, Table, Text, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import metadata, moment

agent_shares = Table(
    "agent_shares",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    # Whose memories
    Column("agent_id", Text, primary_key=True),
    # The agent that is given them
    Column("reader_id", Text, primary_key=True),
    moment("since", now=True),
    Index("ix_agent_shares_reader", "tenant_id", "reader_id"),
)


@dataclass(frozen=True, slots=True)
class AgentShares:
    """Pairs of agents: one that shares, and one that is given it. In order of their ids."""

    pairs: tuple[tuple[str, str], ...] = ()

    def readers_of(self, agent_id: str) -> tuple[str, ...]:
        """The agents that this one shares with."""
        return tuple(reader for giver, reader in self.pairs if giver == agent_id)

    def read_by(self, agent_id: str) -> tuple[str, ...]:
        """The agents that share with this one."""
        return tuple(giver for giver, reader in self.pairs if reader == agent_id)


def put(connection: Connection, tenant_id: str, agent_id: str, reader_id: str) -> bool:
    """Let an agent share with another one; False where it does already."""
    row = insert(agent_shares).values(tenant_id=tenant_id, agent_id=agent_id, reader_id=reader_id)
    written = row.on_conflict_do_nothing().returning(agent_shares.c.agent_id)
    return connection.execute(written).one_or_none() is not None


def remove(connection: Connection, tenant_id: str, agent_id: str, reader_id: str) -> bool:
    """End a share; False where there was none."""
    columns = agent_shares.c
    this = (columns.tenant_id == tenant_id, columns.agent_id == agent_id, columns.reader_id == reader_id)
    return bool(connection.execute(delete(agent_shares).where(*this)).rowcount)


def about(connection: Connection, tenant_id: str, agent_ids: Sequence[str]) -> AgentShares:
    """All shares of which one of these agents is either side."""
    columns, wanted = agent_shares.c, list(agent_ids)
    either = or_(columns.agent_id.in_(wanted), columns.reader_id.in_(wanted))
    rows = connection.execute(
        select(columns.agent_id, columns.reader_id)
        .where(columns.tenant_id == tenant_id, either)
        .order_by(columns.agent_id, columns.reader_id)
    )
    return AgentShares(tuple((row.agent_id, row.reader_id) for row in rows))


def count_givers(connection: Connection, tenant_id: str, reader_id: str) -> int:
    """How many agents share with this one."""
    columns = agent_shares.c
    wanted = select(func.count()).select_from(agent_shares)
    return int(
        connection.execute(wanted.where(columns.tenant_id == tenant_id, columns.reader_id == reader_id)).scalar_one()
    )
