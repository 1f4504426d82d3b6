"""Figures of usage."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from afterword.gateway.answers import READING, json_answer, problems
from afterword.gateway.bodies import query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.analytics import GetOverview, GetStorage, GetUserAnalytics, Overview, Storage, UserAnalytics
from afterword.schemas.keys import CallerRole

router = APIRouter(prefix=f"{API}/analytics", tags=["analytics"])

_Days = Annotated[Fields, Depends(query_string(GetOverview, name="OverviewQuery"))]
_Storage = Annotated[Fields, Depends(query_string(GetStorage, name="StorageQuery"))]
_UserDays = Annotated[Fields, Depends(query_string(GetUserAnalytics, name="UserAnalyticsQuery", without=("user_id",)))]


@router.get("/overview", response_model=Overview, responses=problems(READING))
async def overview(visit: Visiting, query: _Days) -> Response:
    """Totals, active users, searches and their success, growth, of the tenant. For admins and operators."""
    visit.caller.require(CallerRole.ADMIN, CallerRole.OPERATOR)
    return json_answer(await visit.client.analytics.overview(**query, timeout=visit.settings.command_seconds))


@router.get("/storage", response_model=Storage, responses=problems(READING))
async def storage(visit: Visiting, query: _Storage) -> Response:
    """How much is kept, in all and of the users and agents of whom most is. For admins and operators."""
    visit.caller.require(CallerRole.ADMIN, CallerRole.OPERATOR)
    return json_answer(await visit.client.analytics.storage(**query, timeout=visit.settings.command_seconds))


@router.get("/users/{user_id}", response_model=UserAnalytics, responses=problems(READING))
async def user(visit: Visiting, user_id: Annotated[str, Path(description="Whose.")], query: _UserDays) -> Response:
    """Figures of one user: memories, activity, searches."""
    fields = visit.caller.of_user({**query, "user_id": user_id})
    return json_answer(await visit.client.analytics.user(**fields, timeout=visit.settings.command_seconds))
