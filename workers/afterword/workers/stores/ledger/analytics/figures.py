"""Reading statistics: figures of a tenant and of a user, from rows that were counted up and rolled up before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, text

from afterword.schemas.values import Kind

COUNTED_EXACTLY = 10_000
"""Memories of a tenant that are counted one by one; that takes a millisecond."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over a period; `active_days` and `conversations` are told of single users only."""

    added: int
    deleted: int
    searches: int
    eligible_searches: int
    successful_searches: int
    search_seconds: float
    relevance_sum: float
    relevance_count: int
    conversations: int = 0
    active_days: int = 0


@dataclass(frozen=True, slots=True)
class UserActivity:
    """How many users a tenant has, and how many of them were active of late."""

    known: int
    active_day: int
    active_week: int
    active_month: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """How many memories of a kind, and how long they are together."""

    kind: Kind
    memories: int
    characters: int


_SUMMED = (
    "added",
    "deleted",
    "searches",
    "eligible_searches",
    "successful_searches",
    "search_seconds",
    "relevance_sum",
    "relevance_count",
)
_NAMES = ", ".join(_SUMMED)
_TOTALS = ", ".join(f"COALESCE(sum({name}), 0) AS {name}" for name in _SUMMED)

# Days are rolled up with every snapshot: of the day of the last one and those since, the live rows count.
_DAYS_OF_TENANT = text(
    f"""
    SELECT day, {_TOTALS} FROM (
        SELECT day, {_NAMES} FROM tenant_statistics WHERE tenant_id = :tenant_id AND day >= :first AND day < :live
        UNION ALL
        SELECT day, {_NAMES} FROM daily_statistics WHERE tenant_id = :tenant_id AND day >= :live
    ) AS counted
    GROUP BY day ORDER BY day
    """  # names of our own columns
)
_OF_USER = text(
    f"""
    SELECT {_TOTALS}, COALESCE(sum(conversations), 0) AS conversations,
           count(DISTINCT day) FILTER (WHERE active) AS active_days
    FROM daily_statistics WHERE tenant_id = :tenant_id AND user_id = :user_id AND day >= :first_day
    """  # names of our own columns
)
_USERS = text(
    """
    SELECT count(*) AS known,
           count(*) FILTER (WHERE last_active_on >= :today) AS active_day,
           count(*) FILTER (WHERE last_active_on > CAST(:today AS date) - 7) AS active_week,
           count(*) FILTER (WHERE last_active_on > CAST(:today AS date) - 30) AS active_month
    FROM user_statistics WHERE tenant_id = :tenant_id
    """
)
_COUNTED = text("SELECT count(*) FROM (SELECT FROM memories WHERE tenant_id = :tenant_id LIMIT :most) AS found")
_HOLDINGS = text(
    """
    SELECT kind, count(*) AS memories, sum(text_length) AS characters
    FROM memories WHERE tenant_id = :tenant_id AND user_id = :user_id GROUP BY kind ORDER BY kind
    """
)
_SEEN = text(
    "SELECT first_active_on, last_active_on FROM user_statistics WHERE tenant_id = :tenant_id AND user_id = :user_id"
)


def days_of_tenant(
    connection: Connection, tenant_id: str, *, today: date, days: int, rolled_up: date | None
) -> dict[date, Sums]:
    """The sums of each of the last `days` of a tenant on which anything happened, oldest first.

    Today is one of them; `rolled_up` is the day of the last snapshot.
    """
    first = today - timedelta(days=days - 1)
    live = max(first, rolled_up) if rolled_up else first
    rows = connection.execute(_DAYS_OF_TENANT, {"tenant_id": tenant_id, "first": first, "live": live})
    return {row.day: Sums(**{name: getattr(row, name) for name in _SUMMED}) for row in rows}


def added_up(days: Iterable[Sums]) -> Sums:
    """The sums of all these days."""
    found = list(days)
    return Sums(**{name: sum(getattr(each, name) for each in found) for name in _SUMMED})


def of_user(connection: Connection, tenant_id: str, user_id: str, *, today: date, days: int) -> Sums:
    """The sums of a user over the last `days`, today included."""
    first = today - timedelta(days=days - 1)
    who = {"tenant_id": tenant_id, "user_id": user_id}
    return Sums(**connection.execute(_OF_USER, {**who, "first_day": first}).one()._asdict())


def users(connection: Connection, tenant_id: str, *, today: date) -> UserActivity:
    """The users of a tenant, as of today."""
    return UserActivity(**connection.execute(_USERS, {"tenant_id": tenant_id, "today": today}).one()._asdict())


def memories_counted(connection: Connection, tenant_id: str) -> int | None:
    """How many memories a tenant has; None when there are more than COUNTED_EXACTLY."""
    # One more shows that there are more, and the count stops there.
    asked = {"tenant_id": tenant_id, "most": COUNTED_EXACTLY + 1}
    found = int(connection.execute(_COUNTED, asked).scalar_one())
    return found if found <= COUNTED_EXACTLY else None


def holdings(connection: Connection, tenant_id: str, user_id: str) -> list[Holdings]:
    """The memories of a user, by kind."""
    rows = connection.execute(_HOLDINGS, {"tenant_id": tenant_id, "user_id": user_id})
    return [Holdings(Kind(row.kind), row.memories, int(row.characters)) for row in rows]


def seen(connection: Connection, tenant_id: str, user_id: str) -> tuple[date | None, date | None]:
    """The first and the last day on which a user was active."""
    found = connection.execute(_SEEN, {"tenant_id": tenant_id, "user_id": user_id}).one_or_none()
    return (found.first_active_on, found.last_active_on) if found else (None, None)
