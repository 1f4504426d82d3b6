"""Managing the registry of agents over the queue: entries are listed, read and written."""

from __future__ import annotations

from dataclasses import asdict

from afterword.schemas.registry import AgentEntry, AgentPage, GetAgent, ListAgents, SetAgent
from afterword.workers.core.errors import NotFound
from afterword.workers.services.policy.registry import AgentAdmin
from afterword.workers.stores.ledger.agents import Agent


class AgentKeeper:
    """Answers the commands about agents, within the command's tenant."""

    def __init__(self, admin: AgentAdmin) -> None:
        self._admin = admin

    def list(self, command: ListAgents, _: float | None) -> AgentPage:
        """A page, by agent id. Raises: LedgerUnavailable."""
        # One more than fits says whether there is another page.
        found = self._admin.registered(command.tenant_id, after=command.cursor or "", limit=command.limit + 1)
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
        )
        self._admin.register(agent, by=command.asked_by)
        return _entry(agent)


def _entry(agent: Agent) -> AgentEntry:
    return AgentEntry.model_validate(asdict(agent))
