"""The users of a tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from afterword.gateway.answers import READING, json_answer, problems
from afterword.gateway.bodies import query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.answers import UserPage
from afterword.schemas.commands import ListUsers
from afterword.schemas.keys import CallerRole

router = APIRouter(prefix=API, tags=["users"])

_Listed = Annotated[Fields, Depends(query_string(ListUsers, name="UsersQuery"))]


@router.get("/users", response_model=UserPage, responses=problems(READING))
async def list_users(visit: Visiting, query: _Listed) -> Response:
    """A page of the tenant's users, by id, and how many memories each has. For agents and admins."""
    visit.caller.require(CallerRole.AGENT, CallerRole.ADMIN)
    return json_answer(await visit.client.memories.users(**query, timeout=visit.settings.command_seconds))
