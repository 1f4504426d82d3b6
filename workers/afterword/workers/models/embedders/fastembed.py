"""Embeddings on this machine with fastembed (ONNX, no GPU). Downloads its model once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.embedders.refusals import Cause, RequestRefused


class FastembedEmbedder:
    """Thread-safe: one text batch at a time, since the model uses all cores by itself."""

    def __init__(self, model: str) -> None:
        """Raises: Misconfigured, when fastembed is not installed, or knows no such model, or cannot download it."""
        try:
            import fastembed
        except ImportError as error:
            raise Misconfigured("fastembed is not installed: pip install 'afterword[fastembed]'") from error
        try:
            self._model = fastembed.TextEmbedding(model_name=model)
        except (ValueError, OSError, RuntimeError) as error:
            raise Misconfigured(f"fastembed cannot load {model}: {error}") from error
        self._lock = threading.Lock()
        self._identity = EmbedderIdentity("fastembed", model, len(self._run(["dimensions"])[0]))

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text; the model cuts long ones. Raises: RequestRefused."""
        return self._run(list(texts)) if texts else []

    def _run(self, texts: list[str]) -> list[Vector]:
        try:
            with self._lock:
                return [vector.tolist() for vector in self._model.embed(texts)]
        except (ValueError, OSError, RuntimeError) as error:
            # On this machine nobody is away: the model fell over a text.
            raise RequestRefused(f"fastembed: {type(error).__name__}", texts, Cause.BROKEN) from error
