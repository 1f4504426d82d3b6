"""Who has a part in an agent: the accounts with a role in it, and the agents that it shares with."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from afterword.schemas import InvalidInput
from afterword.schemas.registry import MAX_MEMBERS, MAX_SHARED, AgentMember, AgentRole
from afterword.workers.core.errors import NotFound
from afterword.workers.stores.ledger import agent_members, agent_shares, agents, audit
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.database import Database

_NOT_REGISTERED = "no such agent is registered"


class AgentSharing:
    """Reads and writes members and shares of registered agents; each change is a row of the audit.

    Every method raises NotFound, for an agent that nobody registered, and LedgerUnavailable.

    >>> sharing.give("acme", "coach", account="kim", role=AgentRole.EDITOR, by="root")  # doctest: +SKIP
    >>> sharing.share("acme", "coach", "tutor", by="root")  # doctest: +SKIP
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def members(self, tenant_id: str, agent_id: str) -> list[AgentMember]:
        """The accounts that have a role in an agent, its owner first."""
        with self._database.transaction() as connection:
            return _members(connection, tenant_id, agent_id)

    def give(
        self, tenant_id: str, agent_id: str, *, account: str, role: AgentRole, by: str | None
    ) -> list[AgentMember]:
        """Give an account a role, or another one; all members from now on. Raises: InvalidInput, also for the owner."""
        with self._database.transaction() as connection:
            _lock(connection, tenant_id, agent_id)
            if agents.get(connection, tenant_id, agent_id).owner_id == account:
                raise InvalidInput("account", "the owner", "must be another account: name another owner_id first")
            known = agent_members.role_of(connection, tenant_id, agent_id, account)
            if known is None and agent_members.count(connection, tenant_id, agent_id) >= MAX_MEMBERS:
                raise InvalidInput("account", "one more", f"at most {MAX_MEMBERS} accounts may have a role in an agent")
            agent_members.put(connection, tenant_id, agent_id, account=account, role=role)
            told = {"account": account, "role": role.value}
            audit.write(connection, [_event("agent_member", tenant_id, agent_id, told, by)])
            return _members(connection, tenant_id, agent_id)

    def take(self, tenant_id: str, agent_id: str, *, account: str, by: str | None) -> list[AgentMember]:
        """Take its role from an account; all members from now on."""
        with self._database.transaction() as connection:
            _lock(connection, tenant_id, agent_id)
            if agent_members.remove(connection, tenant_id, agent_id, account):
                told = {"account": account, "role": None}
                audit.write(connection, [_event("agent_member", tenant_id, agent_id, told, by)])
            return _members(connection, tenant_id, agent_id)

    def share(self, tenant_id: str, agent_id: str, reader_id: str, *, by: str | None) -> Agent:
        """Let an agent share with another one. Raises: InvalidInput, for one that is given too many already."""
        if agent_id == reader_id:
            raise InvalidInput("with_agent_id", "the same agent", "must be another agent")
        with self._database.transaction() as connection:
            _lock(connection, tenant_id, *sorted((agent_id, reader_id)))
            if agent_shares.put(connection, tenant_id, agent_id, reader_id):
                if agent_shares.count_givers(connection, tenant_id, reader_id) > MAX_SHARED:
                    raise InvalidInput("with_agent_id", "one more", f"at most {MAX_SHARED} agents may share with one")
                told = {"with": reader_id, "shared": True}
                audit.write(connection, [_event("agent_share", tenant_id, agent_id, told, by)])
            return agents.get(connection, tenant_id, agent_id)

    def unshare(self, tenant_id: str, agent_id: str, reader_id: str, *, by: str | None) -> Agent:
        """Share no longer with an agent."""
        with self._database.transaction() as connection:
            _lock(connection, tenant_id, agent_id)
            if agent_shares.remove(connection, tenant_id, agent_id, reader_id):
                told = {"with": reader_id, "shared": False}
                audit.write(connection, [_event("agent_share", tenant_id, agent_id, told, by)])
            return agents.get(connection, tenant_id, agent_id)


def _lock(connection: Connection, tenant_id: str, *agent_ids: str) -> None:
    # So that what was counted still holds when it is written.
    for agent_id in agent_ids:
        if not agents.lock(connection, tenant_id, agent_id):
            raise NotFound(_NOT_REGISTERED)


def _members(connection: Connection, tenant_id: str, agent_id: str) -> list[AgentMember]:
    agent = agents.find(connection, tenant_id, agent_id)
    if agent is None:
        raise NotFound(_NOT_REGISTERED)
    others = agent_members.every(connection, tenant_id, agent_id)
    found = [AgentMember(account=account, role=role) for account, role in others if account != agent.owner_id]
    # An editor who was made the owner is listed once, as the owner.
    owner = [] if agent.owner_id is None else [AgentMember(account=agent.owner_id, role=AgentRole.OWNER)]
    return owner + found


def _event(type: audit.Type, tenant_id: str, agent_id: str, told: Mapping[str, object], by: str | None) -> audit.Event:
    metadata = {**told, **({"by": by} if by is not None else {})}
    return audit.Event(type, tenant_id=tenant_id, agent_id=agent_id, metadata=metadata)
