"""Layers around an embedder: one measures its requests, one keeps vectors so that no text is embedded twice."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.models.embedders.vector_cache import VectorCache
from afterword.workers.observing.metrics import Metrics


class CachingEmbedder:
    """Keeps vectors in a cache; repeats within a batch are embedded once. Thread-safe.

    Vectors from the cache are rounded to 32 bits, as every vector store rounds them.
    """

    def __init__(self, inner: Embedder, cache: VectorCache, metrics: Metrics) -> None:
        self._inner = inner
        self._cached = metrics.embedder_texts.labels("cache")
        self._cache = cache

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, with at most one call to the inner embedder.

        Raises: EmbeddingRefused, EmbeddingFailed.
        """
        known: dict[str, Vector] = {text: vector.tolist() for text, vector in self._cache.get(texts).items()}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        self._cached.inc(len(texts) - len(missing))
        if missing:
            try:
                vectors: Sequence[Vector | None] = self._inner.embed(missing)
            except EmbeddingRefused as refused:
                # The other texts' vectors are kept, so that a retry asks for the refused ones alone.
                known |= self._kept(missing, refused.vectors)
                raise EmbeddingRefused(str(refused), [known.get(text) for text in texts]) from None
            known |= self._kept(missing, vectors)
        return [known[text] for text in texts]

    def _kept(self, texts: Sequence[str], vectors: Sequence[Vector | None]) -> dict[str, Vector]:
        fresh = {text: vector for text, vector in zip(texts, vectors, strict=True) if vector is not None}
        self._cache.put(fresh)
        return fresh


class TimedEmbedder:
    """Passes each call on; measures how long it took, how many texts got vectors, whether it failed. Thread-safe."""

    def __init__(self, inner: Embedder, metrics: Metrics) -> None:
        self._inner = inner
        self._seconds = metrics.embedder_seconds
        self._errors = metrics.embedder_errors
        self._texts = metrics.embedder_texts.labels("embedder")

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See the port. A refusal counts as an answer, not as a failure. Raises: EmbeddingRefused, EmbeddingFailed."""
        with self._seconds.time():
            try:
                vectors = self._inner.embed(texts)
            except EmbeddingRefused as refused:
                self._texts.inc(sum(vector is not None for vector in refused.vectors))
                raise
            except EmbeddingFailed:
                self._errors.inc()
                raise
        self._texts.inc(len(texts))
        return vectors
