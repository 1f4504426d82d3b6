"""A vector store whose requests are measured."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.observing.metrics import Metrics
from afterword.workers.stores.vectors.port import CollectionState, VectorStore
from afterword.workers.stores.vectors.queries import CollectionSize, Filter, Hit, Page, Point, Search

logger = logging.getLogger(__name__)

_OPERATIONS = (
    "insert",
    "replace",
    "search",
    "get",
    "page",
    "scan",
    "set_payload",
    "delete",
    "delete_where",
    "count",
    "count_by",
    "rewrite",
)


class TimedStore:
    """Passes each call on, and measures by operation how long it took and whether the store was away.

    A scan lasts as long as its reader takes; only the time spent in the store counts.
    """

    def __init__(self, inner: VectorStore, metrics: Metrics) -> None:
        self._inner = inner
        # Made at once, so that each operation is shown from 0 on, and its first error is seen as a rise.
        self._seconds = {name: metrics.vector_store_seconds.labels(name) for name in _OPERATIONS}
        self._errors = {name: metrics.vector_store_errors.labels(name) for name in _OPERATIONS}

    def prepare(self, identity: EmbedderIdentity) -> None:
        self._inner.prepare(identity)

    def check(self, identity: EmbedderIdentity) -> CollectionState:
        return self._inner.check(identity)

    def open(self) -> None:
        self._inner.open()

    def insert(self, points: Sequence[Point]) -> None:
        with self._timed("insert"):
            self._inner.insert(points)

    def replace(self, points: Sequence[Point]) -> None:
        with self._timed("replace"):
            self._inner.replace(points)

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        with self._timed("search"):
            return self._inner.search(searches)

    def get(self, ids: Sequence[str]) -> list[Hit]:
        with self._timed("get"):
            return self._inner.get(ids)

    def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        with self._timed("page"):
            return self._inner.page(where, limit=limit, cursor=cursor)

    def scan(self, where: Filter) -> Iterator[Hit]:
        taken = 0.0
        try:
            hits = self._inner.scan(where)
            while True:
                started = time.perf_counter()
                hit = next(hits, None)
                taken += time.perf_counter() - started
                if hit is None:
                    return
                yield hit
        except VectorStoreUnavailable:
            self._errors["scan"].inc()
            raise
        finally:
            self._seconds["scan"].observe(taken)

    def set_payload(self, ids: Sequence[str], payload: Mapping[str, Any]) -> None:
        with self._timed("set_payload"):
            self._inner.set_payload(ids, payload)

    def delete(self, ids: Sequence[str]) -> None:
        with self._timed("delete"):
            self._inner.delete(ids)

    def delete_where(self, where: Filter) -> int:
        with self._timed("delete_where"):
            return self._inner.delete_where(where)

    def count(self, where: Filter) -> int:
        with self._timed("count"):
            return self._inner.count(where)

    def count_by(self, field: str, where: Filter, *, limit: int) -> dict[str, int]:
        with self._timed("count_by"):
            return self._inner.count_by(field, where, limit=limit)

    def size(self) -> CollectionSize:
        return self._inner.size()

    def rewrite(self) -> bool:
        with self._timed("rewrite"):
            return self._inner.rewrite()

    def folder(self) -> Path | None:
        return self._inner.folder()

    def version(self) -> str:
        return self._inner.version()

    def close(self) -> None:
        self._inner.close()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with self._seconds[operation].time(), self._errors[operation].count_exceptions(VectorStoreUnavailable):
                yield
        finally:
            logger.debug("vector store: %s took %.1f ms", operation, 1000 * (time.perf_counter() - started))
