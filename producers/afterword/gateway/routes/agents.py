"""The registered agents: who owns them, whether they remember, and which instructions they have."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.keys import CallerRole
from afterword.schemas.registry import AgentEntry, AgentPage, ListAgents, SetAgent

router = APIRouter(prefix=f"{API}/agents", tags=["agents"])

_AgentId = Annotated[str, Path(min_length=1, description="The id by which conversations name it.")]
_Listed = Annotated[Fields, Depends(query_string(ListAgents, name="AgentsQuery"))]
_Entry = Annotated[Fields, Depends(json_body(SetAgent, name="AgentSettings", without=("agent_id",)))]


@router.get("", response_model=AgentPage, responses=problems(READING))
async def list_agents(visit: Visiting, query: _Listed) -> Response:
    """A page of the registered agents, by id. For admins."""
    visit.caller.require(CallerRole.ADMIN)
    return json_answer(await visit.client.agents.list(**query, timeout=visit.settings.command_seconds))


@router.get("/{agent_id}", response_model=AgentEntry, responses=problems((*READING, 404)))
async def get_agent(visit: Visiting, agent_id: _AgentId) -> Response:
    """One registered agent. For admins."""
    visit.caller.require(CallerRole.ADMIN)
    return json_answer(await visit.client.agents.get(agent_id, timeout=visit.settings.command_seconds))


@router.put("/{agent_id}", response_model=AgentEntry, responses=problems(WRITING))
async def set_agent(visit: Visiting, agent_id: _AgentId, body: _Entry) -> Response:
    """Register an agent, or replace its whole entry: a field that is left out gets its default. For admins."""
    visit.caller.require(CallerRole.ADMIN)
    told = {**body, "asked_by": visit.caller.account, "timeout": visit.settings.command_seconds}
    return json_answer(await visit.client.agents.set(agent_id, **told))
