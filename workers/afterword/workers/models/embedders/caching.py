"""What was embedded before is not embedded again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.observing.metrics import Metrics


class CachingEmbedder:
    """Keeps the vectors of the `size` texts used last; repeats within a batch are embedded once. Thread-safe."""

    def __init__(self, inner: Embedder, size: int, metrics: Metrics) -> None:
        self._inner = inner
        self._cached = metrics.embedder_texts.labels("cache")
        self._size = size
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, with at most one call to the inner embedder. Raises: EmbeddingFailed."""
        known = self._recalled(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            fresh = dict(zip(missing, self._inner.embed(missing), strict=True))
            self._keep(fresh)
            known |= fresh
        self._cached.inc(len(texts) - len(missing))
        return [known[text] for text in texts]

    def _recalled(self, texts: Sequence[str]) -> dict[str, Vector]:
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
            for text in known:
                self._vectors.move_to_end(text)
        return known

    def _keep(self, fresh: dict[str, Vector]) -> None:
        with self._lock:
            self._vectors.update(fresh)
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)
