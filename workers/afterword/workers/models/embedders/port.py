"""The embedder port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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

        Raises: EmbeddingFailed.
        """
