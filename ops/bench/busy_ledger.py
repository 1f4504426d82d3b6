"""A ledger in which much has happened: rows in every table that dashboards read, as many as are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

TENANTS = ("acme", "globex")
AGENTS = ("planner", "coach")


@dataclass(frozen=True, slots=True)
class Size:
    """Users of each tenant, days up to now, and events of all in those days."""

    users: int = 12
    days: int = 9
    events: int = 1_200


_PLACES = """
    CREATE TEMPORARY TABLE people AS
    SELECT tenant_id, 'user-' || number AS user_id, number, agents[1 + number %% 2] AS agent_id
    FROM unnest(%(tenants)s::text[]) AS tenant_id, generate_series(1, %(users)s) AS number,
         (SELECT %(agents)s::text[] AS agents) AS chosen;
    CREATE TEMPORARY TABLE calendar AS
    SELECT (now() AT TIME ZONE 'UTC')::date - number AS day, number
    FROM generate_series(0, %(days)s) AS number;
    CREATE TEMPORARY TABLE happened AS
    SELECT event AS number, now() - event * (%(days)s * interval '1 day' / %(events)s) AS at,
           tenant_id, user_id, agent_id
    FROM generate_series(1, %(events)s) AS event
    JOIN (SELECT *, row_number() OVER () - 1 AS place FROM people) AS people
      ON place = (event + event / 6) %% (cardinality(%(tenants)s::text[]) * %(users)s)
"""

_USERS = """
    INSERT INTO user_statistics (tenant_id, user_id, first_active_on, last_active_on, memories, characters)
    SELECT tenant_id, user_id, (now() AT TIME ZONE 'UTC')::date - 1 - number %% %(days)s,
           (now() AT TIME ZONE 'UTC')::date - number %% 2, number * 3, number * 300
    FROM people
"""

_DAYS = """
    INSERT INTO daily_statistics
        (tenant_id, user_id, day, agent_id, active, conversations, added, deleted, searches, eligible_searches,
         successful_searches, search_seconds, relevance_sum, relevance_count)
    SELECT tenant_id, user_id, day, agent_id, true, 2, 6, 1, 10, 8, 6, 0.4, 4.2, 6
    FROM people CROSS JOIN calendar
    WHERE (people.number + calendar.number) %% 3 < 2
"""

_HOURS = """
    INSERT INTO hourly_statistics
        (tenant_id, hour, agent_id, conversations, saves, failed_saves, save_seconds, added, deleted, searches,
         eligible_searches, successful_searches, degraded_searches, memories_given, search_seconds, slowest_search,
         relevance_sum, relevance_count)
    SELECT tenant_id, date_trunc('hour', now()) - number * interval '1 hour', agent_id,
           5, 9, 1, 4.5, 20, 2, 100, 80, 60, 4, 300, 4.0, 0.3, 42.0, 60
    FROM unnest(%(tenants)s::text[]) AS tenant_id, unnest(%(agents)s::text[] || ARRAY['']) AS agent_id,
         generate_series(0, %(days)s * 24) AS number
"""

_CONTENT = """
    INSERT INTO content_statistics
        (day, tenant_id, scope, kind, language, agent_id, length, memories, characters)
    SELECT day, tenant_id, scope, kind, language, agent_id, length, 10, 1000
    FROM calendar, unnest(%(tenants)s::text[]) AS tenant_id,
         (VALUES ('user', 'fact'), ('user', 'excerpt'), ('user', 'note'), ('agent', 'fact'), ('session', 'fact'))
             AS kinds(scope, kind),
         unnest(ARRAY['en', 'zh', 'und']) AS language, unnest(%(agents)s::text[] || ARRAY['']) AS agent_id,
         unnest(ARRAY[50, 100, 200, 0]) AS length
"""

_SNAPSHOTS = """
    INSERT INTO snapshots
        (slot, tenant_id, memories, characters, stored, difference, users, active_day, active_week, active_month,
         waiting_conversations, dead_letters, dimensions, vector_bytes, ledger_bytes)
    SELECT to_timestamp(floor(extract(epoch FROM now()) / 300) * 300) - number * interval '5 minutes', tenant_id,
           (%(days)s * 288 - number + 100) * weight, (%(days)s * 288 - number + 100) * weight * 100,
           (%(days)s * 288 - number + 100) * weight, 0, 12 * weight, 5 * weight, 8 * weight, 11 * weight, 1, 1,
           CASE tenant_id WHEN '' THEN 384 END, CASE tenant_id WHEN '' THEN 100000 END,
           CASE tenant_id WHEN '' THEN 1000000 END
    FROM (SELECT '' AS tenant_id, 2 AS weight UNION ALL SELECT unnest(%(tenants)s::text[]), 1) AS whose,
         generate_series(0, %(days)s * 288) AS number
"""

_AUDIT = """
    INSERT INTO audit (at, tenant_id, user_id, agent_id, session_id, type, event_id, result_count, metadata)
    SELECT at, tenant_id, user_id, agent_id, 'thread', types[1 + number %% 6], 'event-' || number, 3,
           jsonb_build_object('seconds', (number %% 40) / 1000.0, 'eligible', true, 'successful', number %% 5 <> 0)
    FROM happened, (SELECT ARRAY['conversation_received', 'memory_query', 'memory_query', 'memory_save', 'memory_add',
                                 'memory_delete'] AS types) AS chosen
"""

_LLM_CALLS = """
    INSERT INTO llm_calls
        (at, tenant_id, user_id, model, outcome, conversations, prompt_tokens, cached_tokens, completion_tokens,
         seconds)
    SELECT at, tenant_id, user_id, 'gpt-5-mini', 'ok', 2, 3000, 1000, 200, 2.5 FROM happened WHERE number %% 6 = 0
"""

_MEMORIES = """
    INSERT INTO memories
        (id, tenant_id, user_id, agent_id, session_id, scope, kind, source, embedding_model, language, text_length,
         occurred_at, created_at)
    SELECT gen_random_uuid(), tenant_id, user_id, agent_id, 'thread', scopes[1 + number / 6 %% 2],
           kinds[1 + number / 6 %% 3], 'extraction', 'hashing', 'en', 80, at, at
    FROM happened, (SELECT ARRAY['user', 'session'] AS scopes, ARRAY['fact', 'excerpt', 'note'] AS kinds) AS chosen
    WHERE number %% 2 = 0
"""

_DEAD_LETTERS = """
    INSERT INTO dead_letters (message_id, queue, tenant_id, user_id, event_id, error, body, died_at)
    SELECT 'message-' || number, 'conversations', tenant_id, user_id, 'event-' || number, 'Malformed: no messages',
           '{}', at
    FROM happened WHERE number %% 100 = 1
"""

_DELETIONS = """
    INSERT INTO deletions (tenant_id, user_id, everything, requested_by, requested_at, known, finished_at, settled_at)
    SELECT tenant_id, user_id, true, user_id, at, 12, at, at FROM happened WHERE number %% 100 = 2
"""

_FILLS = (
    *_PLACES.split(";"),
    _USERS,
    _DAYS,
    _HOURS,
    _CONTENT,
    _SNAPSHOTS,
    _AUDIT,
    _LLM_CALLS,
    _MEMORIES,
    _DEAD_LETTERS,
    _DELETIONS,
    "ANALYZE",
)


def fill(url: str, size: Size) -> None:
    """Fill an empty, migrated ledger. The figures of its tables do not add up to each other."""
    values = {"tenants": list(TENANTS), "agents": list(AGENTS), "users": size.users, "days": size.days}
    with psycopg.connect(url) as connection:
        for statement in _FILLS:
            connection.execute(statement, values | {"events": size.events})
