"""Policies: how long what is remembered is kept, of the tenant, of its agents and users. For admins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas.keys import CallerRole
from afterword.schemas.policies import ListPolicies, PolicyInForce, PolicyPage, PolicyRules, PolicyRun, RunPolicies

router = APIRouter(prefix=f"{API}/policies", tags=["policies"])

_UserId = Annotated[str, Path(min_length=1, description="Whose policy.")]
_AgentId = Annotated[str, Path(min_length=1, description="Whose policy.")]
_Listed = Annotated[Fields, Depends(query_string(ListPolicies, name="PoliciesQuery"))]
_Rules = Annotated[Fields, Depends(json_body(PolicyRules, name="NewRules"))]
_Run = Annotated[Fields, Depends(json_body(RunPolicies, name="PolicyRunRequest"))]


@router.get("", response_model=PolicyPage, responses=problems(READING))
async def list_policies(visit: Visiting, query: _Listed) -> Response:
    """A page of the policies that somebody wrote, the tenant's own first."""
    _require_admin(visit)
    return json_answer(await visit.client.policies.list(**query, timeout=visit.settings.command_seconds))


@router.post("/run", response_model=PolicyRun, responses=problems(WRITING))
async def run_policies(visit: Visiting, body: _Run) -> Response:
    """Count what policies would take now; with `"dry_run": false` they take it. `more`: the same request goes on."""
    _require_admin(visit)
    told: dict[str, Any] = {**body, "asked_by": visit.caller.account, "timeout": visit.settings.clear_seconds}
    return json_answer(await visit.client.policies.run(**told))


@router.get("/tenant", response_model=PolicyInForce, responses=problems(READING))
async def get_tenant_policy(visit: Visiting) -> Response:
    """The tenant's policy, and the rules in force."""
    return await _show(visit)


@router.put("/tenant", response_model=PolicyInForce, responses=problems(WRITING))
async def set_tenant_policy(visit: Visiting, body: _Rules) -> Response:
    """Write the tenant's policy, or replace the whole of it."""
    return await _set(visit, body)


@router.get("/users/{user_id}", response_model=PolicyInForce, responses=problems(READING))
async def get_user_policy(visit: Visiting, user_id: _UserId) -> Response:
    """The policy of a user, and the rules in force for them."""
    return await _show(visit, user_id=user_id)


@router.put("/users/{user_id}", response_model=PolicyInForce, responses=problems(WRITING))
async def set_user_policy(visit: Visiting, user_id: _UserId, body: _Rules) -> Response:
    """Write the policy of a user, or replace the whole of it: what is left out is left to wider policies."""
    return await _set(visit, body, user_id=user_id)


@router.get("/agents/{agent_id}", response_model=PolicyInForce, responses=problems(READING))
async def get_agent_policy(visit: Visiting, agent_id: _AgentId) -> Response:
    """The policy of an agent, and the rules in force for it."""
    return await _show(visit, agent_id=agent_id)


@router.put("/agents/{agent_id}", response_model=PolicyInForce, responses=problems(WRITING))
async def set_agent_policy(visit: Visiting, agent_id: _AgentId, body: _Rules) -> Response:
    """Write the policy of an agent, or replace the whole of it."""
    return await _set(visit, body, agent_id=agent_id)


async def _show(visit: Visit, **whose: str) -> Response:
    _require_admin(visit)
    return json_answer(await visit.client.policies.show(**whose, timeout=visit.settings.command_seconds))


async def _set(visit: Visit, rules: Fields, **whose: str) -> Response:
    _require_admin(visit)
    told = {**whose, "asked_by": visit.caller.account}
    return json_answer(await visit.client.policies.set(rules, **told, timeout=visit.settings.command_seconds))


def _require_admin(visit: Visit) -> None:
    visit.caller.require(CallerRole.ADMIN)
