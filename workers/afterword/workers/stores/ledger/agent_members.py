"""Members of agents: the accounts, beside the owner of each, that have a role in it."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Connection, Index, Table, Text, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from afterword.schemas.registry import AgentRole
from afterword.workers.stores.ledger.metadata import metadata, moment

agent_members = Table(
    "agent_members",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("role", Text, nullable=False),
    moment("since", now=True),
    Index("ix_agent_members_account", "tenant_id", "account"),
)


def put(connection: Connection, tenant_id: str, agent_id: str, *, account: str, role: AgentRole) -> None:
    """Give an account a role, or another one."""
    key = {"tenant_id": tenant_id, "agent_id": agent_id, "account": account}
    row = insert(agent_members).values(**key, role=role.value)
    changed = {"role": role.value, "since": func.clock_timestamp()}
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=changed))


def remove(connection: Connection, tenant_id: str, agent_id: str, account: str) -> bool:
    """Take its role from an account; False where it had none."""
    theirs = (*_of(tenant_id, agent_id), agent_members.c.account == account)
    return bool(connection.execute(delete(agent_members).where(*theirs)).rowcount)


def role_of(connection: Connection, tenant_id: str, agent_id: str, account: str) -> AgentRole | None:
    """The role of an account; None where it has none."""
    wanted = select(agent_members.c.role).where(*_of(tenant_id, agent_id), agent_members.c.account == account)
    role = connection.execute(wanted).scalar_one_or_none()
    return None if role is None else AgentRole(role)


def every(connection: Connection, tenant_id: str, agent_id: str) -> list[tuple[str, AgentRole]]:
    """The members of an agent, editors first, by account."""
    wanted = select(agent_members.c.account, agent_members.c.role).where(*_of(tenant_id, agent_id))
    found = [(row.account, AgentRole(row.role)) for row in connection.execute(wanted)]
    return sorted(found, key=lambda member: (list(AgentRole).index(member[1]), member[0]))


def count(connection: Connection, tenant_id: str, agent_id: str) -> int:
    """How many members an agent has."""
    wanted = select(func.count()).select_from(agent_members).where(*_of(tenant_id, agent_id))
    return int(connection.execute(wanted).scalar_one())


def _of(tenant_id: str, agent_id: str) -> tuple[ColumnElement[bool], ...]:
    return agent_members.c.tenant_id == tenant_id, agent_members.c.agent_id == agent_id
