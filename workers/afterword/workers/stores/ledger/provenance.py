"""Provenance: which memories of agents were learned from a user.

An agent's memory carries no user, since it is shown to all of them. The audit knows whose conversation it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class LearnedFromUser:
    """A memory of an agent's that was learned from a user."""

    memory_id: str
    agent_id: str


# By the audit of the extraction. Where that was dropped, by the event, if no other user has one of that id.
_LEARNED = text(
    """
    SELECT id::text, agent_id FROM memories AS m
    WHERE tenant_id = :tenant_id AND scope = 'agent' AND agent_id IS NOT NULL AND (
        id::text IN (
            SELECT memory_id FROM audit
            WHERE tenant_id = :tenant_id AND user_id = :user_id AND type = 'memory_add' AND memory_id IS NOT NULL
        )
        OR event_id IN (
            SELECT event_id FROM conversations WHERE tenant_id = :tenant_id AND user_id = :user_id
            EXCEPT
            SELECT event_id FROM conversations WHERE tenant_id = :tenant_id AND user_id <> :user_id
        )
    )
    """
)

# Sessions and events may have the same id in the hands of two users: such an id tells of nobody.
_IDS = text(
    """
    SELECT DISTINCT id FROM (
        SELECT event_id AS id FROM conversations WHERE tenant_id = :tenant_id AND user_id = :user_id
        UNION ALL SELECT session_id FROM conversations WHERE tenant_id = :tenant_id AND user_id = :user_id
    ) AS theirs
    WHERE id IS NOT NULL AND length(id) >= :shortest
    EXCEPT (
        SELECT event_id FROM conversations WHERE tenant_id <> :tenant_id OR user_id <> :user_id
        UNION ALL SELECT session_id FROM conversations WHERE tenant_id <> :tenant_id OR user_id <> :user_id
    )
    LIMIT :limit
    """
)
_SHORTEST = 8

_FORGET_EVENTS = text("UPDATE memories SET event_id = NULL WHERE tenant_id = :tenant_id AND id = ANY(:ids)")


def learned_from(connection: Connection, tenant_id: str, user_id: str) -> list[LearnedFromUser]:
    """The memories that agents learned from a user."""
    rows = connection.execute(_LEARNED, {"tenant_id": tenant_id, "user_id": user_id})
    return [LearnedFromUser(*row) for row in rows]


def ids_of(connection: Connection, tenant_id: str, user_id: str, *, limit: int) -> list[str]:
    """Ids of events and sessions that are a user's alone, and long enough to be told from words."""
    key = {"tenant_id": tenant_id, "user_id": user_id, "shortest": _SHORTEST, "limit": limit}
    return list(connection.execute(_IDS, key).scalars())


def forget_events(connection: Connection, tenant_id: str, ids: list[str]) -> None:
    """Let memories not name the event that they were learned from."""
    connection.execute(_FORGET_EVENTS, {"tenant_id": tenant_id, "ids": ids})
