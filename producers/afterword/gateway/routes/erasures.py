"""Erasing a user, and the receipt of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import query_string
from afterword.gateway.callers import Fields, NotAllowed
from afterword.gateway.routes import API
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas.erasures import EraseUser, ErasureId, ErasureState
from afterword.schemas.keys import CallerRole
from afterword.schemas.values import Id

router = APIRouter(prefix=API, tags=["users"])

_Asked = Annotated[Fields, Depends(query_string(EraseUser, name="ErasureQuery", without=("user_id",)))]


@router.post("/users/{user_id}/erasure", status_code=202, response_model=ErasureState, responses=problems(WRITING))
async def erase_user(visit: Visiting, user_id: Id, query: _Asked) -> Response:
    """Erase everything of a user, in every store: users themselves, or anybody for an admin.

    It is carried out within seconds. Ask `/erasures/{id}` for the receipt; the id opens it to whoever knows it.
    """
    _check_may_erase(visit, user_id)
    asked = {**query, "asked_by": visit.caller.account, "timeout": visit.settings.command_seconds}
    return json_answer(await visit.client.users.erase(user_id, **asked), 202)


@router.get("/erasures/{erasure_id}", response_model=ErasureState, responses=problems((*READING, 404)))
async def get_erasure(visit: Visiting, erasure_id: ErasureId) -> Response:
    """How far an erasure is, and its receipt once it is done."""
    visit.caller.require(CallerRole.USER, CallerRole.AGENT, CallerRole.ADMIN)
    return json_answer(await visit.client.users.erasure(erasure_id, timeout=visit.settings.command_seconds))


def _check_may_erase(visit: Visit, user_id: str) -> None:
    """Raises: NotAllowed. An agent speaks for its users, and erases none of them."""
    caller = visit.caller
    if CallerRole.ADMIN in caller.roles:
        return
    caller.require(CallerRole.USER)
    if caller.user_id != user_id:
        raise NotAllowed("these are another user's")
