"""The registered agents: their settings, the accounts that have a role in them, and whom they share with.

Admins manage all agents of their tenant. Everybody else is told to the workers as the account that asks, and needs a
role in the agent.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas.keys import CallerRole
from afterword.schemas.registry import AgentEntry, AgentMembers, AgentPage, ListAgents, SetAgent, SetAgentMember

router = APIRouter(prefix=f"{API}/agents", tags=["agents"])

_ONE = (*READING, 404)

_AgentId = Annotated[str, Path(min_length=1, description="The id by which conversations name it.")]
_Account = Annotated[str, Path(min_length=1, description="The account, as tokens and keys name it.")]
_OtherId = Annotated[str, Path(min_length=1, description="The agent that is given what this one has learned.")]
_Listed = Annotated[Fields, Depends(query_string(ListAgents, name="AgentsQuery"))]
_Entry = Annotated[Fields, Depends(json_body(SetAgent, name="AgentSettings", without=("agent_id",)))]
_Role = Annotated[Fields, Depends(json_body(SetAgentMember, name="MemberRole", without=("agent_id", "account")))]


@router.get("", response_model=AgentPage, responses=problems(READING))
async def list_agents(visit: Visiting, query: _Listed) -> Response:
    """A page of the registered agents, by id: for admins all of them, else those in which the caller has a role."""
    return json_answer(await visit.client.agents.list(**query, **_reading(visit)))


@router.get("/{agent_id}", response_model=AgentEntry, responses=problems(_ONE))
async def get_agent(visit: Visiting, agent_id: _AgentId) -> Response:
    """One registered agent. For its readers, and admins."""
    return json_answer(await visit.client.agents.get(agent_id, **_reading(visit)))


@router.put("/{agent_id}", response_model=AgentEntry, responses=problems(WRITING))
async def set_agent(visit: Visiting, agent_id: _AgentId, body: _Entry) -> Response:
    """Replace the whole entry of an agent: a field that is left out gets its default. For its editors, who keep its
    owner; and admins, who may register one as well.
    """
    return json_answer(await visit.client.agents.set(agent_id, **body, **_writing(visit)))


@router.get("/{agent_id}/members", response_model=AgentMembers, responses=problems(_ONE))
async def list_members(visit: Visiting, agent_id: _AgentId) -> Response:
    """The accounts that have a role in an agent, its owner first. For its readers, and admins."""
    return json_answer(await visit.client.agents.members(agent_id, **_reading(visit)))


@router.put("/{agent_id}/members/{account}", response_model=AgentMembers, responses=problems((*WRITING, 404)))
async def set_member(visit: Visiting, agent_id: _AgentId, account: _Account, body: _Role) -> Response:
    """Give an account a role in an agent. For its owner, and admins."""
    return json_answer(await visit.client.agents.set_member(agent_id, account, **body, **_writing(visit)))


@router.delete("/{agent_id}/members/{account}", response_model=AgentMembers, responses=problems(_ONE))
async def remove_member(visit: Visiting, agent_id: _AgentId, account: _Account) -> Response:
    """Take its role in an agent from an account. For its owner, the account itself, and admins."""
    return json_answer(await visit.client.agents.remove_member(agent_id, account, **_writing(visit)))


@router.put("/{agent_id}/shares/{with_agent_id}", response_model=AgentEntry, responses=problems(_ONE))
async def share_agent(visit: Visiting, agent_id: _AgentId, with_agent_id: _OtherId) -> Response:
    """Let contexts of another agent hold what this one has learned for itself. For whoever owns this one and is an
    editor of the other, and admins.
    """
    return json_answer(await visit.client.agents.share(agent_id, with_agent_id, **_writing(visit)))


@router.delete("/{agent_id}/shares/{with_agent_id}", response_model=AgentEntry, responses=problems(_ONE))
async def unshare_agent(visit: Visiting, agent_id: _AgentId, with_agent_id: _OtherId) -> Response:
    """Share no longer with another agent. For the owner of this one, editors of the other, and admins."""
    return json_answer(await visit.client.agents.unshare(agent_id, with_agent_id, **_writing(visit)))


def _reading(visit: Visit) -> dict[str, Any]:
    """Who asks, and how long the answer is waited for. Raises: NotAllowed, for who has no business with agents."""
    visit.caller.require(CallerRole.USER, CallerRole.AGENT, CallerRole.ADMIN)
    # An admin asks in the name of the tenant; whoever else it is needs a role in the agent.
    by = None if CallerRole.ADMIN in visit.caller.roles else visit.caller.account
    return {"by": by, "timeout": visit.settings.command_seconds}


def _writing(visit: Visit) -> dict[str, Any]:
    """As `_reading`, for what the audit tells."""
    return {**_reading(visit), "asked_by": visit.caller.account}
