"""Questions about usage, and their answers: figures, never words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from afterword.schemas.command import Command, OfUser
from afterword.schemas.values import Kind, LateModel

MAX_DAYS = 366
DEFAULT_DAYS = 30
MAX_TOP = 100
DEFAULT_TOP = 20


class Period(LateModel):
    """Figures of the last `days` UTC days, today included.

    `success_rate` (0 to 1) looks at the searches that passed the relevance gate and whose owner has memories: it is the
    share of them that gave memories and were not degraded. `average_relevance` is from 0 to 1, `average_seconds` the
    time of a search. Each is None when there was nothing to measure.
    """

    days: int
    added: int
    deleted: int
    searches: int
    success_rate: float | None = None
    average_seconds: float | None = None
    average_relevance: float | None = None


class DayFigures(LateModel):
    """Figures of one UTC day."""

    day: date
    added: int = 0
    deleted: int = 0
    searches: int = 0


class ActiveUsers(LateModel):
    """Users who did something: today, in the last 7 and the last 30 UTC days, today included."""

    day: int
    week: int
    month: int


class Overview(LateModel):
    """Answers `analytics_overview`, for a tenant.

    `memories` is exact up to 10,000; a larger number is as of `counted_at`. `stored` is the vector store's own count at
    that time, and `difference` is `stored` less the ledger's count. Both are None before the first snapshot, or when
    the store was away. `growth` compares the memories with those before the period (0.1: a tenth more); it is None when
    there were none before. `daily` has the days of the period on which anything happened, oldest first.
    """

    as_of: datetime
    memories: int
    users: int
    active_users: ActiveUsers
    period: Period
    growth: float | None = None
    stored: int | None = None
    difference: int | None = None
    counted_at: datetime | None = None
    daily: tuple[DayFigures, ...] = ()


class UserAnalytics(LateModel):
    """Answers `analytics_user`. `characters` is the length of all their memories. For a new user all is 0 or None."""

    user_id: str
    as_of: datetime
    memories: int
    memories_by_kind: dict[Kind, int]
    characters: int
    first_active_on: date | None = None
    last_active_on: date | None = None
    active_days: int
    conversations: int
    period: Period


class OwnerStorage(LateModel):
    """How much is kept of a user, or of an agent itself; without either, of the whole tenant.

    `bytes` is reckoned: the texts, and a vector for each memory. `archived` memories are among the `memories`.
    """

    user_id: str | None = None
    agent_id: str | None = None
    memories: int
    archived: int
    characters: int
    bytes: int


class Storage(LateModel):
    """Answers `analytics_storage`: the `whole` of a tenant, and the users and agents of whom most is kept."""

    as_of: datetime
    whole: OwnerStorage
    users: tuple[OwnerStorage, ...]
    agents: tuple[OwnerStorage, ...]


_Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]


class GetOverview(Command):
    """Figures of a tenant over the last `days`."""

    answer: ClassVar[type[Overview]] = Overview

    command: Literal["analytics_overview"] = "analytics_overview"
    days: _Days = DEFAULT_DAYS


class GetUserAnalytics(OfUser):
    """Figures of a user over the last `days`. `by` is the account that asks."""

    answer: ClassVar[type[UserAnalytics]] = UserAnalytics

    command: Literal["analytics_user"] = "analytics_user"
    days: _Days = DEFAULT_DAYS


class GetStorage(Command):
    """How much is kept of a tenant, and of the `top` users and agents of whom most is, by memories or by bytes."""

    answer: ClassVar[type[Storage]] = Storage

    command: Literal["analytics_storage"] = "analytics_storage"
    top: Annotated[int, Field(ge=1, le=MAX_TOP)] = DEFAULT_TOP
    order: Literal["memories", "bytes"] = "memories"
