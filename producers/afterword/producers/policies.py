"""Policies, for admins: `client.policies`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
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

RUN_SECONDS = 60.0
"""A run removes as much as fits into this time."""


class Policies(TenantCalls):
    """How long what is remembered is kept: by the tenant's policy, by those of agents and of users.

    Each rule is looked up by itself: the user's policy has the first word, then the agent's, the tenant's, the
    settings. Every call waits up to `timeout` seconds. `asked_by` is the account that asks, for the audit.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error.
    """

    def list(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> PolicyPage:
        """A page of the policies that somebody wrote, the tenant's own first."""
        return self._run(ListPolicies, timeout, {"limit": limit, "cursor": cursor})

    def show(
        self, *, user_id: str | None = None, agent_id: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> PolicyInForce:
        """The policy of a user, of an agent, or without either of the tenant; and the rules in force for them."""
        return self._run(GetPolicy, timeout, {"user_id": user_id, "agent_id": agent_id})

    def set(
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
        return self._run(SetPolicy, timeout, {"rules": rules, **whose})

    def run(self, *, dry_run: bool = True, asked_by: str | None = None, timeout: float = RUN_SECONDS) -> PolicyRun:
        """Count what policies would take now; with `dry_run=False` they take it, as the scheduler does each hour."""
        return self._run(RunPolicies, timeout, {"dry_run": dry_run, "asked_by": asked_by})
