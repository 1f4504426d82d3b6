"""Policies from an event loop: `client.policies`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afterword.producers.aio.tenant_calls import AsyncTenantCalls
from afterword.producers.policies import RUN_SECONDS
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.schemas.policies import (
    GetPolicy,
    ListPolicies,
    PolicyInForce,
    PolicyPage,
    PolicyRules,
    PolicyRun,
    RunPolicies,
    SetPolicy,
)


class AsyncPolicies(AsyncTenantCalls):
    """The twin of `Policies`: the same calls, awaited, with the same promises and errors."""

    async def list(
        self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> PolicyPage:
        """A page of the policies that somebody wrote, the tenant's own first."""
        return await self._run(ListPolicies, timeout, {"limit": limit, "cursor": cursor})

    async def show(
        self, *, user_id: str | None = None, agent_id: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> PolicyInForce:
        """The policy of a user, of an agent, or without either of the tenant; and the rules in force for them."""
        return await self._run(GetPolicy, timeout, {"user_id": user_id, "agent_id": agent_id})

    async def set(
        self,
        rules: PolicyRules | Mapping[str, Any],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> PolicyInForce:
        """Write a policy, or replace the whole of it: a rule that is left out is left to the next wider policy.

        >>> client.policies.set({"keep_days": {"all": 365, "excerpt": 90}})  # doctest: +SKIP
        """
        whose = {"user_id": user_id, "agent_id": agent_id, "asked_by": asked_by}
        return await self._run(SetPolicy, timeout, {"rules": rules, **whose})

    async def run(
        self, *, dry_run: bool = True, asked_by: str | None = None, timeout: float = RUN_SECONDS
    ) -> PolicyRun:
        """Count what policies would take now; with `dry_run=False` they take it, as the scheduler does each hour."""
        return await self._run(RunPolicies, timeout, {"dry_run": dry_run, "asked_by": asked_by})
