"""Paths of an analytics product on mem0: the figures of a tenant and of a user, under its names."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from afterword.gateway.answers import READING, problems
from afterword.gateway.compat.agent_platform import UserId
from afterword.gateway.visits import Visiting
from afterword.schemas.analytics import DEFAULT_DAYS, MAX_DAYS, Period
from afterword.schemas.keys import CallerRole

router = APIRouter(prefix="/api/analytics", tags=["compat"])

_Days = Annotated[int, Query(ge=1, le=MAX_DAYS, description="The period: so many UTC days, today included.")]


class Activity(BaseModel):
    """The events of the period, counted. A rate or a mean is null where there was nothing to measure."""

    days: int
    memories_added: int
    memories_deleted: int
    searches: int
    success_rate: float | None
    average_response_ms: float | None
    average_relevance: float | None


class ActiveUserCounts(BaseModel):
    """How many users were active in the last day, week and month."""

    daily: int
    weekly: int
    monthly: int


class TenantFigures(BaseModel):
    """The figures of a tenant. `growth_rate` compares with before the period: 0.1 is a tenth more."""

    as_of: datetime
    total_memories: int
    total_users: int
    active_users: ActiveUserCounts
    growth_rate: float | None
    period: Activity


class UserFigures(BaseModel):
    """The figures of a user; all is 0 or null for a new one."""

    as_of: datetime
    user_id: str
    total_memories: int
    memories_by_kind: dict[str, int]
    conversations: int
    active_days: int
    first_active_on: date | None
    last_active_on: date | None
    period: Activity


@router.get("/overview", responses=problems(READING))
async def tenant_figures(visit: Visiting, days: _Days = DEFAULT_DAYS) -> TenantFigures:
    """The figures of the tenant. For admins and operators."""
    visit.caller.require(CallerRole.ADMIN, CallerRole.OPERATOR)
    told = await visit.client.analytics.overview(days=days, timeout=visit.settings.command_seconds)
    active = told.active_users
    return TenantFigures(
        as_of=told.as_of,
        total_memories=told.memories,
        total_users=told.users,
        active_users=ActiveUserCounts(daily=active.day, weekly=active.week, monthly=active.month),
        growth_rate=told.growth,
        period=_activity(told.period),
    )


@router.get("/user/{user_id}", responses=problems(READING))
async def user_figures(visit: Visiting, user_id: UserId, days: _Days = DEFAULT_DAYS) -> UserFigures:
    """The figures of a user."""
    fields = visit.caller.of_user({"user_id": user_id})
    told = await visit.client.analytics.user(**fields, days=days, timeout=visit.settings.command_seconds)
    return UserFigures(
        as_of=told.as_of,
        user_id=told.user_id,
        total_memories=told.memories,
        memories_by_kind={kind.value: count for kind, count in told.memories_by_kind.items()},
        conversations=told.conversations,
        active_days=told.active_days,
        first_active_on=told.first_active_on,
        last_active_on=told.last_active_on,
        period=_activity(told.period),
    )


def _activity(period: Period) -> Activity:
    seconds = period.average_seconds
    return Activity(
        days=period.days,
        memories_added=period.added,
        memories_deleted=period.deleted,
        searches=period.searches,
        success_rate=period.success_rate,
        average_response_ms=None if seconds is None else round(seconds * 1000, 3),
        average_relevance=period.average_relevance,
    )
