"""The vector store as the benchmark needs it: one that answers the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Hit, Search

_MARGIN = 24
"""Hits beyond the limit, to see whether the equals at the limit end there."""


def steady(store: VectorStore, most: int) -> VectorStore:
    """The store, with hits of one score in the order of their ids. `most` is how many memories an owner has at most.

    The engine leaves the order of equals to chance, and so which of them are within a search's limit.
    """
    return cast(VectorStore, _Steady(store, most))


class _Steady:
    def __init__(self, store: VectorStore, most: int) -> None:
        self._store = store
        self._most = most

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        answers = self._store.search([replace(search, limit=search.limit + _MARGIN) for search in searches])
        return [self._settled(search, hits) for search, hits in zip(searches, answers, strict=True)]

    def _settled(self, search: Search, hits: list[Hit]) -> list[Hit]:
        if len(hits) == search.limit + _MARGIN and hits[search.limit - 1].score == hits[-1].score:
            # The equals at the limit go on beyond the margin.
            [hits] = self._store.search([replace(search, limit=max(search.limit, self._most))])
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[: search.limit]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
