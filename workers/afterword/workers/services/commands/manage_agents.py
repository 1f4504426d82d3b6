"""Managing the registry of agents over the queue: entries, members and shares are listed, read and written."""

from __future__ import annotations

from afterword.schemas.registry import (
    AgentEntry,
    AgentMember,
    AgentMembers,
    AgentPage,
    GetAgent,
    ListAgentMembers,
    ListAgents,
    RemoveAgentMember,
    SetAgent,
    SetAgentMember,
    ShareAgent,
    UnshareAgent,
)
from afterword.workers.core.errors import NotFound
from afterword.workers.services.policy.access import asker_of
from afterword.workers.services.policy.agent_sharing import AgentSharing
from afterword.workers.services.policy.registry import AgentAdmin
from afterword.workers.stores.ledger.agents import Agent


class AgentKeeper:
    """Answers the commands about agents, within the command's tenant."""

    def __init__(self, admin: AgentAdmin, sharing: AgentSharing) -> None:
        self._admin = admin
        self._sharing = sharing

    def list(self, command: ListAgents, _: float | None) -> AgentPage:
        """A page, by agent id. Raises: LedgerUnavailable."""
        # One more than fits says whether there is another page.
        most, after = command.limit + 1, command.cursor or ""
        found = self._admin.registered(command.tenant_id, after=after, limit=most, account=command.by)
        page = found[: command.limit]
        next_cursor = page[-1].agent_id if len(found) > command.limit else None
        return AgentPage(agents=tuple(_entry(agent) for agent in page), next_cursor=next_cursor)

    def get(self, command: GetAgent, _: float | None) -> AgentEntry:
        """One entry. Raises: NotFound, for an agent that nobody registered; LedgerUnavailable."""
        agent = self._admin.find(command.tenant_id, command.agent_id)
        if agent is None:
            raise NotFound("no such agent is registered")
        return _entry(agent)

    def set(self, command: SetAgent, _: float | None) -> AgentEntry:
        """The entry as it is from now on; workers that know an older one use it for some seconds yet.

        Raises: LedgerUnavailable.
        """
        agent = Agent(
            tenant_id=command.tenant_id,
            agent_id=command.agent_id,
            owner_id=command.owner_id,
            memory_enabled=command.memory_enabled,
            instructions=command.instructions,
            time_zone=command.time_zone,
            scopes=command.scopes,
        )
        return _entry(self._admin.register(agent, by=asker_of(command), keep_owner=command.by is not None))

    def members(self, command: ListAgentMembers, _: float | None) -> AgentMembers:
        """All members. Raises: NotFound, LedgerUnavailable."""
        return _listed(self._sharing.members(command.tenant_id, command.agent_id))

    def set_member(self, command: SetAgentMember, _: float | None) -> AgentMembers:
        """All members from now on. Raises: InvalidInput, NotFound, LedgerUnavailable."""
        whose, by = (command.tenant_id, command.agent_id), asker_of(command)
        return _listed(self._sharing.give(*whose, account=command.account, role=command.role, by=by))

    def remove_member(self, command: RemoveAgentMember, _: float | None) -> AgentMembers:
        """All members from now on. Raises: NotFound, LedgerUnavailable."""
        whose, by = (command.tenant_id, command.agent_id), asker_of(command)
        return _listed(self._sharing.take(*whose, account=command.account, by=by))

    def share(self, command: ShareAgent, _: float | None) -> AgentEntry:
        """The entry of the agent that shares. Workers know of it within ten seconds.

        Raises: InvalidInput, NotFound, LedgerUnavailable.
        """
        pair = (command.agent_id, command.with_agent_id)
        return _entry(self._sharing.share(command.tenant_id, *pair, by=asker_of(command)))

    def unshare(self, command: UnshareAgent, _: float | None) -> AgentEntry:
        """The entry of the agent that shared. Raises: NotFound, LedgerUnavailable."""
        pair = (command.agent_id, command.with_agent_id)
        return _entry(self._sharing.unshare(command.tenant_id, *pair, by=asker_of(command)))


def _entry(agent: Agent) -> AgentEntry:
    return AgentEntry(
        agent_id=agent.agent_id,
        owner_id=agent.owner_id,
        memory_enabled=agent.memory_enabled,
        instructions=agent.instructions,
        time_zone=agent.time_zone,
        scopes=agent.scopes,
        shares_with=agent.shares_with,
        shared_by=agent.shared_by,
    )


def _listed(members: list[AgentMember]) -> AgentMembers:
    return AgentMembers(members=tuple(members))
