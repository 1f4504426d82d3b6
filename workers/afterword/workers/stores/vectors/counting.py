"""How memories are counted: by scope and kind, and when one counts as expired."""

from __future__ import annotations

from datetime import UTC, datetime

from afterword.schemas.values import Kind, Scope
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Either, Filter, Match, TimeRange

IS_ARCHIVED = Match(c.ARCHIVED, (c.YES,))
"""The memory was archived: it is kept, and left out of recall."""
ARCHIVED_TOO = Either((Filter((IS_ARCHIVED,)), Filter(must_not=(IS_ARCHIVED,))))
"""Every memory, for who needs all that is kept of an owner."""

Counts = dict[tuple[Scope, Kind], int]
"""How many memories there are of each scope and kind."""


def count_kinds(store: VectorStore, where: Filter) -> Counts:
    """The matching memories, expired ones included; points that are no memories of ours are left out."""
    found = {}
    for scope in Scope:
        counted = store.count_by(c.KIND, where.narrowed(Match(c.SCOPE, (scope.value,))), limit=len(Kind))
        found.update({(scope, kind): counted.get(kind.value, 0) for kind in Kind})
    return found


def expired() -> TimeRange:
    """The lifetime of the memory has ended by now. A memory without an end does not match."""
    return TimeRange(c.EXPIRES_AT, until=datetime.now(UTC))
