"""The embedder port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from afterword.workers.core.errors import EmbeddingRefused

Vector = list[float]


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Who made a vector. A collection keeps it: vectors of different identities do not compare."""

    provider: str
    model: str
    dimensions: int

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} ({self.dimensions} dimensions)"


class Embedder(Protocol):
    """Thread-safe."""

    @property
    def identity(self) -> EmbedderIdentity: ...

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of `identity.dimensions` floats per text, in order.

        Raises: EmbeddingRefused, with the vectors of all other texts, when some get none; EmbeddingFailed, when the
        embedder is away.
        """


def embed_each(embedder: Embedder, texts: Sequence[str]) -> list[Vector | None]:
    """The vectors of the texts; None for each that the embedder refuses. Raises: EmbeddingFailed, when it is away.

    >>> from afterword.workers.models.embedders.hashing import HashingEmbedder
    >>> [len(vector or ()) for vector in embed_each(HashingEmbedder(8), ["a cat"])]
    [8]
    """
    try:
        return list(embedder.embed(texts))
    except EmbeddingRefused as refused:
        return list(refused.vectors)
