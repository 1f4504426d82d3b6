"""Locks by name, held until the end of a transaction."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

# 64 bits of the name: two names hardly ever share a lock.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def of_agent(tenant_id: str, agent_id: str) -> str:
    """The name of the lock under which an agent's memories are written and cleared."""
    return f"agent:{tenant_id}:{agent_id}"


def serialise(connection: Connection, names: Iterable[str]) -> None:
    """Wait for, then hold, the locks of these names; taken in order, so that two holders never wait for each other."""
    for name in sorted(set(names)):
        connection.execute(_LOCK, {"name": name})
