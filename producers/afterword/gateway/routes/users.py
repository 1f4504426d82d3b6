"""The users of a tenant, and the clean-up of one's old memories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from afterword.gateway.answers import READING, json_answer, problems
from afterword.gateway.bodies import query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.answers import CleanedUp, UserPage
from afterword.schemas.commands import MAX_KEEP_DAYS, ListUsers
from afterword.schemas.keys import CallerRole

router = APIRouter(prefix=API, tags=["users"])

_Listed = Annotated[Fields, Depends(query_string(ListUsers, name="UsersQuery"))]


@router.get("/users", response_model=UserPage, responses=problems(READING))
async def list_users(visit: Visiting, query: _Listed) -> Response:
    """A page of the tenant's users, by id, and how many memories each has. For agents and admins."""
    visit.caller.require(CallerRole.AGENT, CallerRole.ADMIN)
    return json_answer(await visit.client.memories.users(**query, timeout=visit.settings.command_seconds))


@router.delete("/users/{user_id}/memories/cleanup", response_model=CleanedUp, responses=problems(READING))
async def clean_up_memories(
    visit: Visiting,
    user_id: Annotated[str, Path(description="Whose.")],
    days: Annotated[int, Query(ge=1, le=MAX_KEEP_DAYS, description="Those stored longer ago go.")],
    dry_run: Annotated[bool, Query(description="Only count them.")] = False,
) -> Response:
    """Remove a user's memories that were stored more than `days` ago; `more`: the same request goes on."""
    fields = visit.caller.of_user({"user_id": user_id, "dry_run": dry_run, "asked_by": visit.caller.account})
    told = {**fields, "older_than_days": days, "timeout": visit.settings.clear_seconds}
    return json_answer(await visit.client.memories.cleanup(**told))
