"""Statistics by day, counted up in the transactions of what they count. A day is a UTC day.

An event counts on the day of its own time, however late it is written down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime

from sqlalchemy import Boolean, Column, Connection, Date, Index, Table, Text, delete, text

from afterword.workers.stores.ledger.metadata import amount, count, metadata, total

# Of a user with an agent on a UTC day. User "": what is nobody's (any more); agent "": no agent.
daily_statistics = Table(
    "daily_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    # Whether the user did something, which an extraction or an expiry on that day is not.
    Column("active", Boolean, nullable=False, server_default=text("false")),
    count("conversations"),
    count("added"),
    count("deleted"),
    count("searches"),
    # Those that passed the relevance gate and whose owner has memories; of these, those with memories and undegraded.
    count("eligible_searches"),
    count("successful_searches"),
    amount("search_seconds"),
    # The mean relevance (0 to 1) of what each search gave, added up over those that gave something scored.
    amount("relevance_sum"),
    count("relevance_count"),
    Index("ix_daily_statistics_day", "tenant_id", "day"),
)

# Of a user for as long as they are known.
user_statistics = Table(
    "user_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("first_active_on", Date),
    Column("last_active_on", Date),
    # As of the last snapshot.
    count("memories"),
    total("characters"),
    Index("ix_user_statistics_last_active_on", "tenant_id", "last_active_on"),
)

NOBODY = ""
"""The user of rows that are nobody's: an agent's own memories, and the activity of users who were cleared."""


def day_of(at: datetime) -> date:
    """The UTC day of a time."""
    return at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Numbers to add for a user with an agent (\"\": none) on a day.

    `active`: the user did something. `eligible_searches` passed the relevance gate and their owner has memories; of
    these `successful_searches` gave some, undegraded. `relevance_sum` adds up the mean relevance (0 to 1) of what each
    of `relevance_count` searches gave.
    """

    tenant_id: str
    user_id: str
    day: date
    agent_id: str = ""
    active: bool = False
    conversations: int = 0
    added: int = 0
    deleted: int = 0
    searches: int = 0
    eligible_searches: int = 0
    successful_searches: int = 0
    search_seconds: float = 0.0
    relevance_sum: float = 0.0
    relevance_count: int = 0

    @property
    def key(self) -> tuple[str, str, date, str]:
        return self.tenant_id, self.user_id, self.day, self.agent_id

    def plus(self, other: Delta) -> Delta:
        """Both together, of one key."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in _COUNTED}
        tenant_id, user_id, day, agent_id = self.key
        active = self.active or other.active
        return Delta(tenant_id=tenant_id, user_id=user_id, day=day, agent_id=agent_id, active=active, **sums)


_KEY = ("tenant_id", "user_id", "day", "agent_id")
_COUNTED = tuple(field.name for field in fields(Delta) if field.name not in (*_KEY, "active"))
_TYPES = (
    dict.fromkeys(_KEY, "text")
    | dict.fromkeys(_COUNTED, "integer")
    | {"day": "date", "active": "boolean", "search_seconds": "float8", "relevance_sum": "float8"}
)
_TYPED = ", ".join(f"{name} {_TYPES[name]}" for name in (*_KEY, "active", *_COUNTED))
_NAMES = ", ".join((*_KEY, "active", *_COUNTED))
_SUMS = ", ".join(f"{name} = daily_statistics.{name} + EXCLUDED.{name}" for name in _COUNTED)

# COLLATE "C" sorts as Python does: both tables are written in one order of keys, whoever writes.
_ADD = text(
    f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:deltas AS jsonb)) AS given({_TYPED})
    ), seen AS (
        INSERT INTO user_statistics (tenant_id, user_id, first_active_on, last_active_on)
        SELECT tenant_id, user_id, min(day), max(day) FROM given WHERE active
        GROUP BY tenant_id, user_id ORDER BY tenant_id COLLATE "C", user_id COLLATE "C"
        ON CONFLICT (tenant_id, user_id) DO UPDATE
        SET first_active_on = LEAST(user_statistics.first_active_on, EXCLUDED.first_active_on),
            last_active_on = GREATEST(user_statistics.last_active_on, EXCLUDED.last_active_on)
        WHERE user_statistics.last_active_on IS NULL
           OR EXCLUDED.first_active_on < user_statistics.first_active_on
           OR EXCLUDED.last_active_on > user_statistics.last_active_on
    )
    INSERT INTO daily_statistics ({_NAMES}) SELECT {_NAMES} FROM given
    ON CONFLICT (tenant_id, user_id, day, agent_id) DO UPDATE
    SET active = daily_statistics.active OR EXCLUDED.active, {_SUMS}
    """  # names of our own columns
)


def add(connection: Connection, deltas: Iterable[Delta]) -> None:
    """Count up, in an order of keys that is the same for all, so that two writers never wait for each other."""
    merged: dict[tuple[str, str, date, str], Delta] = {}
    for delta in deltas:
        merged[delta.key] = merged[delta.key].plus(delta) if delta.key in merged else delta
    rows = [asdict(merged[key]) for key in sorted(merged)]
    if rows:
        connection.execute(_ADD, {"deltas": json.dumps(rows, default=date.isoformat)})


_ANONYMISE = text(
    f"""
    WITH theirs AS (
        DELETE FROM daily_statistics WHERE tenant_id = :tenant_id AND user_id = :user_id RETURNING *
    )
    INSERT INTO daily_statistics ({_NAMES})
    SELECT tenant_id, '', day, agent_id, false, {", ".join(_COUNTED)} FROM theirs ORDER BY day, agent_id COLLATE "C"
    ON CONFLICT (tenant_id, user_id, day, agent_id) DO UPDATE SET {_SUMS}
    """  # names of our own columns
)


def anonymise(connection: Connection, tenant_id: str, user_id: str) -> None:
    """Count what a user did as nobody's from now on, so that nothing names them any more; sums stay as they were."""
    connection.execute(_ANONYMISE, {"tenant_id": tenant_id, "user_id": user_id})
    theirs = (user_statistics.c.tenant_id == tenant_id, user_statistics.c.user_id == user_id)
    connection.execute(delete(user_statistics).where(*theirs))
