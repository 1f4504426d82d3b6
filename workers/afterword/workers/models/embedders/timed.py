"""An embedder whose requests are measured."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.observing.metrics import Metrics


class TimedEmbedder:
    """Passes on what it is asked: how long it took, how many texts it was, whether it failed. Thread-safe."""

    def __init__(self, inner: Embedder, metrics: Metrics) -> None:
        self._inner = inner
        self._seconds = metrics.embedder_seconds
        self._errors = metrics.embedder_errors
        self._texts = metrics.embedder_texts.labels("embedder")

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """As the embedder does. Raises: EmbeddingFailed."""
        with self._seconds.time(), self._errors.count_exceptions(EmbeddingFailed):
            vectors = self._inner.embed(texts)
        self._texts.inc(len(texts))
        return vectors
