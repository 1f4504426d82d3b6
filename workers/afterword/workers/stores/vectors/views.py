"""Views: the memories of some owners of one tenant, and nothing else.

Every read and write that is made for a caller goes through a view. It adds its owner to each request, and checks the
owner of each memory that comes back. Services are given `Views`, which opens views, and mem0 is given one view; neither
can reach the store. Maintenance of the collection as a whole uses `admin.StoreAdmin`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from afterword.workers.core.errors import Denied
from afterword.workers.models.embedders.port import Vector
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.counting import ARCHIVED_TOO, IS_ARCHIVED, Counts, count_kinds, expired
from afterword.workers.stores.vectors.owners import Owner, UserOwner
from afterword.workers.stores.vectors.partitions import partitioned
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload, to_payload
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Filter, Hit, Ids, Lexical, Match, Point, Search, Signal

logger = logging.getLogger(__name__)

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class ScopedSearch:
    """One ranked question about one owner; `where` narrows it further."""

    owner: Owner
    signal: Signal
    limit: int
    where: Filter | None = None


@dataclass(frozen=True, slots=True)
class ScoredMemory:
    """A memory, with the raw score of the signal that found it."""

    memory: StoredMemory
    score: float


@dataclass(frozen=True, slots=True)
class MemoryListing:
    """Part of a listing; `next_cursor` is None on the last."""

    memories: tuple[StoredMemory, ...]
    next_cursor: str | None


class Hidden(Protocol):
    """The memories that somebody asked to be forgotten and the store still has. No reader ever waits for it."""

    def hides(self, memory: StoredMemory, /) -> bool: ...
    def refresh(self) -> None: ...


class NothingHidden:
    """Hides nothing."""

    def hides(self, _: StoredMemory) -> bool:
        return False

    def refresh(self) -> None: ...


class MemoryView:
    """The memories of some owners of one tenant.

    Every method raises VectorStoreUnavailable when the store cannot be reached, and Denied for an owner who is not of
    this view. Searching, listing and counting leave expired memories out, and archived ones unless the filter asks for
    those (`IS_ARCHIVED`, `ARCHIVED_TOO`); the other methods do not. Whatever reads a memory leaves out those whose
    deletion is pending.
    """

    def __init__(self, store: VectorStore, owners: Sequence[Owner], hidden: Hidden | None = None) -> None:
        """`Views.of` opens one. Raises: ValueError, without owners or with owners of several tenants."""
        if len({owner.tenant_id for owner in owners}) != 1:
            raise ValueError("a view needs owners, all of one tenant")
        self._store = store
        self._owners = tuple(owners)
        self._hidden = hidden or NothingHidden()
        self._log = structlog.get_logger(__name__)

    def __str__(self) -> str:
        """Whose view it is, for a log."""
        return "memories of " + ", ".join(str(owner) for owner in self._owners)

    @property
    def owners(self) -> tuple[Owner, ...]:
        return self._owners

    def search(self, searches: Sequence[ScopedSearch]) -> list[list[ScoredMemory]]:
        """All searches in one request; what each found, best first."""
        requests = self._requests(searches)
        answers = self._store.search(requests) if requests else []
        logger.debug("%s: %d searches found %s", self, len(requests), [len(hits) for hits in answers])
        return [self._found(search.owner, hits) for search, hits in zip(searches, answers, strict=True)]

    def scores(self, searches: Sequence[ScopedSearch]) -> list[list[tuple[str, float]]]:
        """Ids and raw scores of what each search finds, best first, all in one request; `get` tells what they are."""
        requests = self._requests(searches, payload=False)
        answers = self._store.search(requests) if requests else []
        logger.debug("%s: %d searches found %s", self, len(requests), [len(hits) for hits in answers])
        return [[(hit.id, hit.score) for hit in hits] for hits in answers]

    def insert(self, memories: Sequence[tuple[StoredMemory, Vector | None]]) -> None:
        """Write memories whose ids are not there yet. Existing ones stay, unless they have no vector and now get one.
        Returns once they are searchable, one without a vector by its words alone.

        Raises: Denied, before anything is written, when a memory is none of these owners'.
        """
        # All of them first: a refused batch must not be written in part.
        for memory, _ in memories:
            if not any(owner.owns(memory) for owner in self._owners):
                raise Denied(f"memory {memory.id} belongs to no owner of this view")
        points = [Point(memory.id, vector, to_payload(memory)) for memory, vector in memories]
        if points:
            self._store.insert(points)
            logger.debug("%s: inserted %s", self, ", ".join(point.id for point in points))

    def replace(self, memory: StoredMemory, vector: Vector | None) -> bool:
        """Write a memory of the owners anew, under its id; False where they have none of this id.

        Raises: Denied, before anything is written, when the new memory is none of these owners'.
        """
        if not any(owner.owns(memory) for owner in self._owners):
            raise Denied(f"memory {memory.id} belongs to no owner of this view")
        # What stands there may be somebody else's, whatever the new one says.
        if not self.get([memory.id]):
            return False
        self._store.replace([Point(memory.id, vector, to_payload(memory))])
        logger.debug("%s: replaced %s", self, memory.id)
        return True

    def get(self, ids: Sequence[str]) -> list[StoredMemory]:
        """The memories of these ids that the owners have, in the order asked for, expired ones too."""
        memories = (from_payload(hit.id, hit.payload) for hit in self._store.get(_uuids(ids)))
        return [memory for memory in memories if self._may_show(memory)]

    def page(
        self, owner: Owner, *, limit: int, cursor: str | None = None, where: Filter | None = None
    ) -> MemoryListing:
        """The owner's memories, newest first by `occurred_at`. Raises: ValueError, for a cursor it did not give."""
        page = self._store.page(self._live(owner, where), limit=limit, cursor=cursor)
        return MemoryListing(tuple(found.memory for found in self._found(owner, page.hits)), page.next_cursor)

    def count(self, owner: Owner, where: Filter | None = None) -> int:
        """How many memories the owner has."""
        return self._store.count(self._live(owner, where))

    def counts(self) -> dict[str, int]:
        """How many memories each user among the owners has; users without any are left out."""
        users = tuple(owner.user_id for owner in self._owners if isinstance(owner, UserOwner))
        if not users:
            return {}
        where = Filter((Match(c.TENANT, (self._owners[0].tenant_id,)), Match(c.USER, users)))
        return self._store.count_by(c.USER, where.narrowed(must_not=(expired(),)), limit=len(users))

    def counts_by_kind(self, owner: Owner) -> Counts:
        """How many memories of each scope and kind the owner has, expired ones too."""
        return count_kinds(self._store, self._of(owner, None))

    def set_importance(self, memory_id: str, importance: float) -> None:
        """Write a memory's importance, from 0 to 1; a memory that the owners do not have is left alone."""
        if self.get([memory_id]):
            self._store.set_payload([memory_id], {c.IMPORTANCE: importance})

    def restore(self, memory_id: str) -> None:
        """Take a memory out of the archive; one that the owners do not have is left alone."""
        if self.get([memory_id]):
            self._store.set_payload([memory_id], {c.ARCHIVED: c.NO})

    def delete(self, ids: Sequence[str]) -> int:
        """Remove the owners' memories among these ids. Returns how many there were."""
        return self.delete_all(Filter((Ids(tuple(_uuids(ids))),)))

    def delete_all(self, where: Filter | None = None) -> int:
        """Remove all memories of all owners of this view, or those that match. Returns how many there were."""
        removed = sum(self._store.delete_where(self._of(owner, where)) for owner in self._owners)
        logger.debug("%s: deleted %d", self, removed)
        return removed

    def existing_hashes(self, owner: Owner, hashes: Iterable[str], where: Filter | None = None) -> set[str]:
        """Which of these text hashes (see `payload.text_hash`) the owner has already, among what matches `where`."""
        wanted = tuple(dict.fromkeys(hashes))
        if not wanted:
            return set()
        of_hashes = self._of(owner, where).narrowed(Match(c.HASH, wanted))
        # Not counted by the store: Qdrant Edge holds up every other thread while it counts.
        there = (
            hit for hit in self._store.scan(of_hashes) if not self._hidden.hides(from_payload(hit.id, hit.payload))
        )
        return {str(hit.payload[c.HASH]) for hit in there}

    def _requests(self, searches: Sequence[ScopedSearch], *, payload: bool = True) -> list[Search]:
        """The store's searches. A filter that several share is one object in all of them, and so converted once."""
        corpora = {owner: owner.where for owner in {search.owner for search in searches}}
        # By identity: filters that ask for 1 and for true are equal in Python, and not in the store.
        narrowed = {(search.owner, id(search.where)): search.where for search in searches}
        live = {key: self._live(key[0], where) for key, where in narrowed.items()}
        return [
            Search(_bound(search, corpora[search.owner]), live[search.owner, id(search.where)], search.limit, payload)
            for search in searches
        ]

    def _may_show(self, memory: StoredMemory) -> bool:
        return any(owner.owns(memory) for owner in self._owners) and not self._hidden.hides(memory)

    def _of(self, owner: Owner, where: Filter | None) -> Filter:
        if owner not in self._owners:
            raise Denied(f"{type(owner).__name__} is not of this view")
        return owner.where.narrowed(*where.must, must_not=where.must_not) if where else owner.where

    def _live(self, owner: Owner, where: Filter | None) -> Filter:
        asked = where is not None and (IS_ARCHIVED in where.must or ARCHIVED_TOO in where.must)
        # Here, so that no search has to remember it: what is archived is found by who asks for it, and by nobody else.
        return self._of(owner, where).narrowed(must_not=(expired(),) if asked else (expired(), IS_ARCHIVED))

    def _found(self, owner: Owner, hits: Iterable[Hit]) -> list[ScoredMemory]:
        found = []
        for hit in hits:
            memory = from_payload(hit.id, hit.payload)
            if self._hidden.hides(memory):
                continue
            # The filter named the owner already. A fault in it must not show one person's memories to another.
            if owner.owns(memory):
                found.append(ScoredMemory(memory, hit.score))
            else:
                self._log.error("foreign_memory_dropped", memory_id=hit.id, owner=type(owner).__name__)
        return found


class Views:
    """Opens views of one store. Services are given this, never the store itself.

    >>> views.of(UserOwner("acme", "ann")).count(UserOwner("acme", "ann"))  # doctest: +SKIP
    12
    """

    def __init__(self, store: VectorStore, hidden: Hidden | None = None) -> None:
        self._store = store
        self._hidden = hidden or NothingHidden()

    def of(self, *owners: Owner) -> MemoryView:
        """The memories of these owners. Raises: ValueError, without owners or with owners of several tenants."""
        # Here, and not in each read: whoever answers a request opens a view for it.
        self._hidden.refresh()
        return MemoryView(self._store, owners, self._hidden)


def _bound(search: ScopedSearch, corpus: Filter) -> Signal:
    """The signal bound to its owner: it searches the owner's partition, and counts rarity over their memories alone."""
    if isinstance(search.signal, Lexical):
        terms = partitioned(search.signal.terms, search.owner.partition)
        return replace(search.signal, terms=terms, corpus=corpus)
    return search.signal


def _uuids(ids: Iterable[str]) -> list[str]:
    """The ids that are UUIDs; any other id can be no point's."""
    return [memory_id for memory_id in ids if _is_uuid(memory_id)]


def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None
