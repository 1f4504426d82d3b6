"""The registry of agents, for admins: `client.agents`."""

from __future__ import annotations

from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
from afterword.schemas.registry import AgentEntry, AgentPage, GetAgent, ListAgents, SetAgent


class Agents(TenantCalls):
    """The registered agents of the client's tenant. An agent that nobody registered remembers, and has no owner.

    Every call waits up to `timeout` seconds.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `not_found`.
    """

    def list(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> AgentPage:
        """A page of the registered agents, by id. Ask for the next one with `cursor=page.next_cursor`."""
        return self._run(ListAgents, timeout, {"limit": limit, "cursor": cursor})

    def get(self, agent_id: str, *, timeout: float = COMMAND_SECONDS) -> AgentEntry:
        """One registered agent."""
        return self._run(GetAgent, timeout, {"agent_id": agent_id})

    def set(
        self,
        agent_id: str,
        *,
        owner_id: str | None = None,
        memory_enabled: bool = True,
        instructions: str | None = None,
        time_zone: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> AgentEntry:
        """Register an agent, or replace its whole entry: what is left out gets its default.

        `owner_id` is the account that may manage the agent's memories, `instructions` what to remember, in words for
        the LLM. `asked_by` is the account that asks, for the audit.
        """
        entry = {"agent_id": agent_id, "owner_id": owner_id, "memory_enabled": memory_enabled}
        how = {"instructions": instructions, "time_zone": time_zone, "asked_by": asked_by}
        return self._run(SetAgent, timeout, {**entry, **how})
