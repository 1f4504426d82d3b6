"""The registry of agents from an event loop: `client.agents`."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.producers.aio.tenant_calls import AsyncTenantCalls
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.schemas.registry import (
    AgentEntry,
    AgentMembers,
    AgentPage,
    AgentRole,
    GetAgent,
    ListAgentMembers,
    ListAgents,
    RemoveAgentMember,
    SetAgent,
    SetAgentMember,
    ShareAgent,
    UnshareAgent,
)
from afterword.schemas.values import Scope


class AsyncAgents(AsyncTenantCalls):
    """The twin of `Agents`: the same calls, awaited, with the same promises and errors."""

    async def list(
        self, *, limit: int = 100, cursor: str | None = None, by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> AgentPage:
        """A page of the registered agents, by id; with `by` only those in which that account has a role. Ask for the
        next one with `cursor=page.next_cursor`.
        """
        return await self._run(ListAgents, timeout, {"limit": limit, "cursor": cursor, "by": by})

    async def get(self, agent_id: str, *, by: str | None = None, timeout: float = COMMAND_SECONDS) -> AgentEntry:
        """One registered agent."""
        return await self._run(GetAgent, timeout, {"agent_id": agent_id, "by": by})

    async def set(
        self,
        agent_id: str,
        *,
        owner_id: str | None = None,
        memory_enabled: bool = True,
        instructions: str | None = None,
        time_zone: str | None = None,
        scopes: Sequence[Scope | str] | None = None,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> AgentEntry:
        """Register an agent, or replace its whole entry; see `Agents.set`."""
        entry = {"agent_id": agent_id, "owner_id": owner_id, "memory_enabled": memory_enabled, "scopes": scopes}
        how = {"instructions": instructions, "time_zone": time_zone, "by": by, "asked_by": asked_by}
        return await self._run(SetAgent, timeout, {**entry, **how})

    async def members(self, agent_id: str, *, by: str | None = None, timeout: float = COMMAND_SECONDS) -> AgentMembers:
        """The accounts that have a role in an agent, its owner first."""
        return await self._run(ListAgentMembers, timeout, {"agent_id": agent_id, "by": by})

    async def set_member(
        self,
        agent_id: str,
        account: str,
        role: AgentRole | str,
        *,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> AgentMembers:
        """Give an account the role `editor` or `reader` in an agent; all of its members from now on."""
        fields = {"agent_id": agent_id, "account": account, "role": role, "by": by, "asked_by": asked_by}
        return await self._run(SetAgentMember, timeout, fields)

    async def remove_member(
        self,
        agent_id: str,
        account: str,
        *,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> AgentMembers:
        """Take its role in an agent from an account; all of its members from now on."""
        fields = {"agent_id": agent_id, "account": account, "by": by, "asked_by": asked_by}
        return await self._run(RemoveAgentMember, timeout, fields)

    async def share(
        self,
        agent_id: str,
        with_agent_id: str,
        *,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> AgentEntry:
        """Let contexts of another agent hold what this one has learned for itself; its entry from now on.

        With `by` that account has to own this agent, and to be an editor of the other.
        """
        fields = {"agent_id": agent_id, "with_agent_id": with_agent_id, "by": by, "asked_by": asked_by}
        return await self._run(ShareAgent, timeout, fields)

    async def unshare(
        self,
        agent_id: str,
        with_agent_id: str,
        *,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> AgentEntry:
        """Share no longer with another agent; the entry of the one that shared."""
        fields = {"agent_id": agent_id, "with_agent_id": with_agent_id, "by": by, "asked_by": asked_by}
        return await self._run(UnshareAgent, timeout, fields)
