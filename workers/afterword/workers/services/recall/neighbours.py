"""The turns around an excerpt that matched: the question to its answer, the answer to its question."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.schemas import Kind
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import Filter, Ids, Match, Newest
from afterword.workers.stores.vectors.views import MemoryView, Owner, ScopedSearch

MATCHES = 4
"""Excerpts, best first, that are completed."""


def neighbours(view: MemoryView, owner: Owner, matched: Sequence[StoredMemory]) -> list[StoredMemory]:
    """The turns directly before and after the best excerpts among these, in one request; none that is among them.

    Ordered as their matches are, the one before first. Raises: VectorStoreUnavailable.
    """
    excerpts = [memory for memory in matched if memory.kind is Kind.EXCERPT][:MATCHES]
    if not excerpts:
        return []
    before = tuple(memory.previous[0] for memory in excerpts if memory.previous)
    after = Match(collection.PREVIOUS, tuple(memory.id for memory in excerpts))
    wheres = [Filter((Ids(before),)), Filter((after,))]
    # Two turns name an excerpt as one of those before them.
    found = view.search([ScopedSearch(owner, Newest(), 2 * len(excerpts), where) for where in wheres])
    known = {each.memory.id: each.memory for hits in found for each in hits}
    known_already = {memory.id for memory in matched}
    ordered = [around for excerpt in excerpts for around in _around(excerpt, list(known.values()))]
    return list({memory.id: memory for memory in ordered if memory.id not in known_already}.values())


def _around(excerpt: StoredMemory, candidates: Sequence[StoredMemory]) -> list[StoredMemory]:
    before = [each for each in candidates if each.id in excerpt.previous[:1]]
    after = [each for each in candidates if each.previous[:1] == (excerpt.id,)]
    return [*before, *after]
