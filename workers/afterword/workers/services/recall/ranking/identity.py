"""The few facts that say who somebody is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.workers.stores.vectors.payload import StoredMemory

LOOKED_AT = 100
"""Facts, newest first, among which they are looked for."""

_IDENTITY = 0.7
"""The importance from which on a fact says who somebody is (see `services.importance`)."""


def chosen(facts: Sequence[StoredMemory], most: int) -> tuple[StoredMemory, ...]:
    """The most important of these facts, of equals the newest; none that is not important."""
    important = [fact for fact in facts if (fact.importance or 0.0) >= _IDENTITY]
    important.sort(key=lambda fact: (fact.importance or 0.0, fact.occurred_at, fact.id), reverse=True)
    return tuple(important[:most])
