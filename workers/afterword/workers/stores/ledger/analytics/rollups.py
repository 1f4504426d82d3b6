"""Rollups: sums of single rows, so that questions about long ranges stay cheap. Each may be done again."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Column, Connection, Date, DateTime, Integer, Table, Text, delete, text

from afterword.workers.stores.ledger import locks
from afterword.workers.stores.ledger.analytics.statistics import daily_statistics
from afterword.workers.stores.ledger.metadata import amount, count, metadata, total

# Rolled up from the audit: of a tenant's agent in an hour (UTC); agent "": no agent.
hourly_statistics = Table(
    "hourly_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("agent_id", Text, primary_key=True),
    count("conversations"),
    count("saves"),
    count("failed_saves"),
    amount("save_seconds"),
    count("added"),
    count("deleted"),
    count("searches"),
    count("eligible_searches"),
    count("successful_searches"),
    count("degraded_searches"),
    count("memories_given"),
    amount("search_seconds"),
    amount("slowest_search"),
    amount("relevance_sum"),
    count("relevance_count"),
)

# Rolled up from the hours: of a tenant on a UTC day.
tenant_statistics = Table(
    "tenant_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    count("added"),
    count("deleted"),
    count("searches"),
    count("eligible_searches"),
    count("successful_searches"),
    amount("search_seconds"),
    amount("relevance_sum"),
    count("relevance_count"),
)

# The memories as they were at the end of a UTC day, or are today.
content_statistics = Table(
    "content_statistics",
    metadata,
    Column("day", Date, primary_key=True),
    Column("tenant_id", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    # Texts of at most so many characters, longer than the next smaller length; 0: longer than any.
    Column("length", Integer, primary_key=True),
    count("memories"),
    total("characters"),
)

_CONTENT = text(
    """
    INSERT INTO content_statistics (day, tenant_id, scope, kind, language, agent_id, length, memories, characters)
    SELECT :day, tenant_id, scope, kind, language, COALESCE(agent_id, ''),
           CASE WHEN text_length <= 50 THEN 50 WHEN text_length <= 100 THEN 100 WHEN text_length <= 200 THEN 200
                WHEN text_length <= 400 THEN 400 WHEN text_length <= 800 THEN 800 WHEN text_length <= 1600 THEN 1600
                ELSE 0 END AS bucket,
           count(*), sum(text_length)
    FROM memories GROUP BY tenant_id, scope, kind, language, agent_id, bucket
    """
)
_NO_CONTENT = text("DELETE FROM content_statistics WHERE day = :day")

# In the same order as `statistics.add` writes (code points), so that two writers never wait for each other.
_STORAGE = text(
    """
    INSERT INTO user_statistics (tenant_id, user_id, memories, characters)
    SELECT tenant_id, user_id, count(*), sum(text_length) FROM memories WHERE user_id IS NOT NULL
    GROUP BY tenant_id, user_id ORDER BY tenant_id COLLATE "C", user_id COLLATE "C"
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET memories = EXCLUDED.memories, characters = EXCLUDED.characters
    WHERE (user_statistics.memories, user_statistics.characters) <> (EXCLUDED.memories, EXCLUDED.characters)
    """
)
# Users who have no memories left. Those of them who never did anything were cleared meanwhile, and go altogether.
_EMPTY = """
    memories > 0 AND NOT EXISTS (
        SELECT FROM memories m WHERE m.tenant_id = user_statistics.tenant_id AND m.user_id = user_statistics.user_id
    )
"""
_GONE = text(f"DELETE FROM user_statistics WHERE last_active_on IS NULL AND {_EMPTY}")  # our own words
_EMPTIED = text(f"UPDATE user_statistics SET memories = 0, characters = 0 WHERE {_EMPTY}")  # as above

_COUNTS = {
    "conversations": "count(*) FILTER (WHERE type = 'conversation_received')",
    "saves": "count(*) FILTER (WHERE type = 'memory_save')",
    "failed_saves": "count(*) FILTER (WHERE type = 'memory_save' AND NOT (metadata->>'success')::boolean)",
    "save_seconds": "sum((metadata->>'seconds')::float8) FILTER (WHERE type = 'memory_save')",
    "added": "sum(result_count) FILTER (WHERE type = 'memory_save')",
    "deleted": "sum(result_count) FILTER (WHERE type IN ('memory_delete', 'memory_clear'))",
    "searches": "count(*) FILTER (WHERE type = 'memory_query')",
    "eligible_searches": "count(*) FILTER (WHERE (metadata->>'eligible')::boolean)",
    "successful_searches": "count(*) FILTER (WHERE (metadata->>'successful')::boolean)",
    "degraded_searches": "count(*) FILTER (WHERE type = 'memory_query' AND metadata->'degraded' <> '[]')",
    "memories_given": "sum(result_count) FILTER (WHERE type = 'memory_query')",
    "search_seconds": "sum((metadata->>'seconds')::float8) FILTER (WHERE type = 'memory_query')",
    "slowest_search": "max((metadata->>'seconds')::float8) FILTER (WHERE type = 'memory_query')",
    "relevance_sum": "sum((metadata->>'relevance')::float8)",
    "relevance_count": "count(metadata->>'relevance')",
}
# Hours are replaced, not added to: an hour may be rolled up any number of times.
_HOURS = text(
    f"""
    INSERT INTO hourly_statistics (tenant_id, hour, agent_id, {", ".join(_COUNTS)})
    SELECT tenant_id, date_trunc('hour', at, 'UTC') AS hour, COALESCE(agent_id, '') AS agent,
           {", ".join(f"COALESCE({count}, 0)" for count in _COUNTS.values())}
    FROM audit
    WHERE type IN ('conversation_received', 'memory_save', 'memory_delete', 'memory_clear', 'memory_query')
      AND at >= date_trunc('hour', CAST(:since AS timestamptz), 'UTC')
    GROUP BY tenant_id, hour, agent
    ON CONFLICT (tenant_id, hour, agent_id) DO UPDATE
    SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _COUNTS)}
    """  # names of our own columns
)

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
_DAYS = text(
    f"""
    INSERT INTO tenant_statistics (tenant_id, day, {", ".join(_SUMMED)})
    SELECT tenant_id, (hour AT TIME ZONE 'UTC')::date AS day, {", ".join(f"sum({name})" for name in _SUMMED)}
    FROM hourly_statistics WHERE hour >= date_trunc('day', CAST(:since AS timestamptz), 'UTC')
    GROUP BY tenant_id, day
    ON CONFLICT (tenant_id, day) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _SUMMED)}
    """  # names of our own columns
)


def roll_up_content(connection: Connection, day: date) -> None:
    """Count the memories by kind, language and length, as of `day`."""
    locks.serialise(connection, ["content_statistics"])
    connection.execute(_NO_CONTENT, {"day": day})
    connection.execute(_CONTENT, {"day": day})


STORAGE_LOCK = "user_statistics"
"""The lock under which users' memories are counted, and a user is erased."""


def roll_up_storage(connection: Connection) -> None:
    """Count how many memories each user has."""
    locks.serialise(connection, [STORAGE_LOCK])
    connection.execute(_STORAGE)
    connection.execute(_GONE)
    connection.execute(_EMPTIED)


def roll_up_hours(connection: Connection, since: datetime) -> None:
    """Add up each hour from that of `since` on, and each day from that of `since` on."""
    locks.serialise(connection, ["hourly_statistics"])
    connection.execute(_HOURS, {"since": since})
    connection.execute(_DAYS, {"since": since})


def drop_statistics(connection: Connection, *, before: datetime) -> int:
    """Remove the statistics of days and hours before then; how many rows there were."""
    day = before.astimezone(UTC).date()
    old = (
        delete(daily_statistics).where(daily_statistics.c.day < day),
        delete(content_statistics).where(content_statistics.c.day < day),
        delete(tenant_statistics).where(tenant_statistics.c.day < day),
        delete(hourly_statistics).where(hourly_statistics.c.hour < before),
    )
    return sum(connection.execute(each).rowcount for each in old)
