"""The registry of agents from an event loop: `client.agents`."""

from __future__ import annotations

from afterword.producers.aio.tenant_calls import AsyncTenantCalls
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.schemas.registry import AgentEntry, AgentPage, GetAgent, ListAgents, SetAgent


class AsyncAgents(AsyncTenantCalls):
    """The twin of `Agents`: the same calls, awaited, with the same promises and errors."""

    async def list(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> AgentPage:
        """A page of the registered agents, by id. Ask for the next one with `cursor=page.next_cursor`."""
        return await self._run(ListAgents, timeout, {"limit": limit, "cursor": cursor})

    async def get(self, agent_id: str, *, timeout: float = COMMAND_SECONDS) -> AgentEntry:
        """One registered agent."""
        return await self._run(GetAgent, timeout, {"agent_id": agent_id})

    async def set(
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
        """Register an agent, or replace its whole entry; see `Agents.set`."""
        entry = {"agent_id": agent_id, "owner_id": owner_id, "memory_enabled": memory_enabled}
        how = {"instructions": instructions, "time_zone": time_zone, "asked_by": asked_by}
        return await self._run(SetAgent, timeout, {**entry, **how})
