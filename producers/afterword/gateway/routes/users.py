"""The users of a tenant, and what each of them wishes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.answers import UserPage
from afterword.schemas.commands import ListUsers
from afterword.schemas.keys import CallerRole
from afterword.schemas.users import SetUser, UserWishes

router = APIRouter(prefix=API, tags=["users"])

_UserId = Annotated[str, Path(min_length=1, description="The id of a user.")]
_Wishes = Annotated[Fields, Depends(json_body(SetUser, name="Wishes", without=("user_id",)))]
_Listed = Annotated[Fields, Depends(query_string(ListUsers, name="UsersQuery"))]


@router.get("/users", response_model=UserPage, responses=problems(READING))
async def list_users(visit: Visiting, query: _Listed) -> Response:
    """A page of the tenant's users, by id, and how many memories each has. For agents and admins."""
    visit.caller.require(CallerRole.AGENT, CallerRole.ADMIN)
    return json_answer(await visit.client.memories.users(**query, timeout=visit.settings.command_seconds))


@router.get("/users/{user_id}", response_model=UserWishes, responses=problems(READING))
async def get_user(visit: Visiting, user_id: _UserId) -> Response:
    """What a user wishes: whether anything of them may be remembered."""
    who = visit.caller.of_user({"user_id": user_id})
    return json_answer(await visit.client.users.get(who["user_id"], timeout=visit.settings.command_seconds))


@router.put("/users/{user_id}", response_model=UserWishes, responses=problems(WRITING))
async def set_user(visit: Visiting, user_id: _UserId, body: _Wishes) -> Response:
    """Say whether anything of a user may be remembered. It holds until it is said otherwise, also after a clear."""
    who = visit.caller.of_user({"user_id": user_id})
    done = await visit.client.users.set(
        who["user_id"],
        memory=body["memory_enabled"],
        asked_by=visit.caller.account,
        timeout=visit.settings.command_seconds,
    )
    return json_answer(done)
