"""An embedder that does not keep its callers waiting."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.bounded_calls import BoundedCalls, GivenUp, Share
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector

_PAUSE = 10.0
"""Seconds in which an embedder that was too slow is not waited for again; doubled each time."""
_MANY = 64
"""This many texts get one share of time; more get more, and being late with them does not count as slow."""


class HastyEmbedder:
    """Waits at most `seconds` for the inner embedder (for each 64 texts), and then for a while not at all. Thread-safe.

    A call that was given up goes on: vectors that come late are found in the inner embedder's cache.
    """

    def __init__(self, inner: Embedder, *, seconds: float, pause: float = _PAUSE) -> None:
        self._inner = inner
        self._share = Share(seconds=seconds, pause=pause)
        self._calls: BoundedCalls[list[Vector]] = BoundedCalls("hasty-embedder", seconds=seconds)

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """As the embedder does. Raises: EmbeddingRefused, EmbeddingFailed, also when there is no answer in time."""
        if not self._share.is_open():
            raise EmbeddingFailed("the embedder was too slow just now, and is not waited for")
        try:
            vectors = self._calls.run(lambda: self._inner.embed(texts), times=1 + len(texts) // _MANY)
        except GivenUp as error:
            if len(texts) <= _MANY:
                self._share.exceeded()
            raise EmbeddingFailed(f"the embedder is too slow: {error}") from None
        self._share.succeeded()
        return vectors
