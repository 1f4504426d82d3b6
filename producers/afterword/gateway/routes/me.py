"""Who calls, as the gateway sees it."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from afterword.gateway.answers import json_answer, problems
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.keys import CallerRole

router = APIRouter(prefix=API, tags=["me"])


class Me(BaseModel):
    """The account behind a token or key, its roles, and the user whose memories are its own."""

    tenant_id: str = Field(examples=["default"])
    account: str = Field(examples=["ada"])
    roles: list[CallerRole] = Field(examples=[["user"]])
    user_id: str | None = Field(None, examples=["ada"])


@router.get("/me", response_model=Me, responses=problems((401, 429, 503)))
async def me(visit: Visiting) -> Response:
    """Whom your token or key speaks for."""
    caller = visit.caller
    told = Me(tenant_id=caller.tenant_id, account=caller.account, roles=sorted(caller.roles), user_id=caller.user_id)
    return json_answer(told)
