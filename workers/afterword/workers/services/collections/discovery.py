"""Discovery: a sample of a collection tells who wrote it, and how that differs from what the last start found."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from afterword.schemas import AfterwordError
from afterword.workers.stores.ledger import collections
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors import schema
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.queries import Filter, Hit, Missing
from afterword.workers.stores.vectors.schema import Schema, Shape

logger = logging.getLogger(__name__)

SAMPLE = 200
"""How many points are looked at, among all points and again among those without a tenant."""

_STRANGERS = Filter((Missing(c.TENANT),))


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """A collection of so many `points`. The `schema` was recognised among those `sampled`; `strangers` are all points
    that carry no tenant; `changes` since the last start are told in words.
    """

    points: int
    sampled: int
    strangers: int
    schema: Schema
    changes: tuple[str, ...] = ()

    @property
    def needs_mending(self) -> bool:
        """Whether points are not reached, or some of ours lack what recall needs."""
        ours = self.schema.get(Shape.AFTERWORD)
        return bool(self.strangers or (ours and ours.missing))

    @property
    def lines(self) -> list[str]:
        """Lines for an operator; the first sums up."""
        return [
            _summary(self),
            *_field_lines(self.schema),
            *_advice(self),
            *(f"changed: {each}" for each in self.changes),
        ]


class Discovery:
    """Looks at one collection. It costs three or four small requests, however large the collection is."""

    def __init__(self, *, collection: str, admin: StoreAdmin, database: Database) -> None:
        self._collection = collection
        self._admin = admin
        self._database = database

    def at_start(self) -> None:
        """Look, log, and keep what was recognised. A worker starts without that when a server is away."""
        try:
            found = self._sample()
            with self._database.transaction() as connection:
                before = collections.keep(connection, self._collection, schema.signature(found.schema))
        # Discovery only informs: it must not keep a worker from starting.
        except (AfterwordError, ValueError) as error:
            logger.warning("collection %s: what it holds could not be found out: %s", self._collection, error)
            return
        if before is not None:
            found = replace(found, changes=tuple(schema.changes(before, schema.signature(found.schema))))
        level = logging.WARNING if found.needs_mending or found.changes else logging.INFO
        logger.log(level, "collection %s: %s", self._collection, "; ".join(found.lines))

    def look(self) -> CollectionReport:
        """Look, and keep nothing; `changes` are those since the last start, else the last that a start noticed.

        Raises: VectorStoreUnavailable, LedgerUnavailable.
        """
        found = self._sample()
        with self._database.transaction() as connection:
            kept = collections.get(connection, self._collection)
        if kept is None:
            return found
        changed = tuple(schema.changes(kept.signature, schema.signature(found.schema)))
        # A start has kept the present signature already: what it noticed then is told, with its time.
        if not changed and kept.before is not None:
            at = f"{kept.changed_at:%Y-%m-%d %H:%M}"
            changed = tuple(f"{each} ({at})" for each in schema.changes(kept.before, kept.signature))
        return replace(found, changes=changed)

    def _sample(self) -> CollectionReport:
        strangers = self._admin.count(_STRANGERS)
        # Lowest ids first: ids are random or hashed, so these are like any others, and the same at each start.
        sample = {hit.id: hit for hit in _first(self._admin.scan(Filter()))}
        if strangers:
            sample |= {hit.id: hit for hit in _first(self._admin.scan(_STRANGERS))}
        recognised = schema.schema_of(hit.payload for hit in sample.values())
        return CollectionReport(self._admin.size().points, len(sample), strangers, recognised)


def _first(hits: Iterable[Hit]) -> Iterator[Hit]:
    return islice(hits, SAMPLE)


def _summary(found: CollectionReport) -> str:
    if not found.sampled:
        return "no points yet"
    seen = ", ".join(f"{shape.value} {each.points}" for shape, each in found.schema.items())
    return f"{found.points} points, {found.sampled} of them looked at: {seen}"


def _field_lines(recognised: Schema) -> Iterator[str]:
    for shape, found in recognised.items():
        for what, fields in (("missing", found.missing), ("unknown", found.unknown)):
            if fields:
                yield f"{shape.value}, {what} fields: " + ", ".join(f"{name} ({n})" for name, n in fields.items())


def _advice(found: CollectionReport) -> Iterator[str]:
    if not found.strangers:
        return
    if {Shape.MEM0_1, Shape.MEM0_2} & found.schema.keys():
        yield (
            f"{found.strangers} points carry no tenant, written by mem0 itself: nobody reaches them, nor are they "
            "cleared with their user; run `afterword adopt --tenant default`"
        )
    else:
        yield f"{found.strangers} points carry no tenant and are no memories: this may be another's collection"
