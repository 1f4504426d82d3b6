"""The admin port: the collection as a whole, for those who maintain it.

A view sees its owners' memories only. Counting a tenant's points, adopting those that nobody owns or copying all of
them needs more. This port gives just that: no search, no listing, and no deletion but of memories whose time is over
and of those that an erasure names. Only collections, analytics, governance and upkeep may import it (see the contracts
of import-linter); nothing here answers a caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.counting import Counts, count_kinds, expired
from afterword.workers.stores.vectors.port import CollectionState, VectorStore
from afterword.workers.stores.vectors.queries import CollectionSize, Filter, Hit, Point

# A facet needs a bound; Qdrant's own default is 10.
_MOST_TENANTS = 100_000


class StoreAdmin:
    """All points of one collection, whoever owns them. Every method raises VectorStoreUnavailable when the store cannot
    be reached.

    A class over the store, not a protocol: the store itself would satisfy a protocol, and could be handed over for it.

    >>> StoreAdmin(store).counts_by_tenant()  # doctest: +SKIP
    {'acme': 812, '': 815}
    """

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    def prepare(self, identity: EmbedderIdentity) -> None:
        """Create the collection and its payload indexes where they are missing.

        Raises: WrongEmbedder, when the collection was built with another embedder and holds something.
        """
        self._store.prepare(identity)

    def check(self, identity: EmbedderIdentity) -> CollectionState:
        """Whether the collection fits this embedder. Changes nothing. Raises: WrongEmbedder, Misconfigured."""
        return self._store.check(identity)

    def open(self) -> None:
        """Open the collection, whatever embedder it was built with. Raises: Misconfigured, when there is none."""
        self._store.open()

    def size(self) -> CollectionSize:
        """How large the collection is; cheap, however large."""
        return self._store.size()

    def count(self, where: Filter) -> int:
        """How many points match, exactly."""
        return self._store.count(where)

    def counts_by_kind(self) -> Counts:
        """How many memories there are of each scope and kind, expired ones included."""
        return count_kinds(self._store, Filter())

    def counts_by_tenant(self) -> dict[str, int]:
        """How many points each tenant has, expired ones included; under "" the number of all points."""
        return {**self._store.count_by(c.TENANT, Filter(), limit=_MOST_TENANTS), "": self._store.count(Filter())}

    def scan(self, where: Filter) -> Iterator[Hit]:
        """Every matching point, in no order."""
        return self._store.scan(where)

    def scan_batches(self, where: Filter, *, size: int) -> Iterator[list[Hit]]:
        """Every matching point, in no order, `size` at a time."""
        hits = self._store.scan(where)
        while batch := list(islice(hits, size)):
            yield batch

    def get(self, ids: Sequence[str]) -> list[Hit]:
        """The points of these ids that exist, in the order asked for."""
        return self._store.get(ids)

    def insert(self, points: Sequence[Point]) -> None:
        """Write points whose ids are not there yet; existing ones stay. Returns once they are searchable."""
        self._store.insert(points)

    def set_payload(self, point_id: str, payload: Mapping[str, Any]) -> None:
        """Set these payload fields of a point; others stay."""
        self._store.set_payload([point_id], payload)

    def archive(self, ids: Sequence[str]) -> None:
        """Leave these memories out of recall from now on."""
        self._store.set_payload(ids, {c.ARCHIVED: c.YES})

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points by id, whoever owns them, for an erasure or a policy; unknown ids are no error."""
        self._store.delete(ids)

    def rewrite(self) -> bool:
        """Write what is left into new files, so that none holds what was deleted. False: the store is a server, which
        does so in its own time.
        """
        return self._store.rewrite()

    def folder(self) -> Path | None:
        """Where the store's files are; None for a server's."""
        return self._store.folder()

    def delete_expired(self) -> Counts:
        """Remove every memory whose lifetime has ended. Returns how many there were of each scope and kind."""
        # One moment for both requests: a memory that expires between them is counted and removed by the next run.
        ended = Filter((expired(),))
        counts = count_kinds(self._store, ended)
        self._store.delete_where(ended)
        return counts
