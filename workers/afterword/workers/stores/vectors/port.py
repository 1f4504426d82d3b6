"""The vector-store port: what Afterword asks of Qdrant, wherever it runs.

Two adapters implement it: a Qdrant server (production) and Qdrant Edge (the same engine in-process). One
conformance suite holds for both. Services never hold a store: they are given `views.Views`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.stores.vectors.queries import CollectionSize, Filter, Hit, Page, Point, Search


class CollectionState(StrEnum):
    """Whether a collection fits an embedder, as `check` finds it."""

    READY = "ready"
    MISSING = "missing"
    REPLACEABLE = "replaceable"
    """It is of another embedder and empty: `prepare` makes it anew."""


class VectorStore(Protocol):
    """Every method raises VectorStoreUnavailable when the store cannot be reached. All are thread-safe."""

    def prepare(self, identity: EmbedderIdentity) -> None:
        """Create the collection and its payload indexes where they are missing; safe to call from several workers
        at once. The collection remembers the embedder's identity; an empty one of another embedder is made anew.

        Raises: WrongEmbedder, when it was built with another and holds something.
        """

    def check(self, identity: EmbedderIdentity) -> CollectionState:
        """Whether the collection fits this embedder. Changes nothing. Raises: the same errors as `prepare`."""

    def open(self) -> None:
        """Open what is there, whatever embedder it was built with. Raises: Misconfigured, when there is nothing."""

    def insert(self, points: Sequence[Point]) -> None:
        """Write points whose ids are not there yet. Existing ones stay, but one that has no vector gives way to one
        that has. Returns once they are searchable.
        """

    def replace(self, points: Sequence[Point]) -> None:
        """Write points whole, whatever stood under their ids. Returns once they are searchable."""

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        """All searches in one request; the hits of each, best first."""

    def get(self, ids: Sequence[str]) -> list[Hit]:
        """The points of these ids that exist, in the order asked for; their score is 0. The lexical field may be
        missing.
        """

    def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        """Newest first by `occurred_at`; each point once however many pages it takes."""

    def scan(self, where: Filter) -> Iterator[Hit]:
        """Every matching point, in no order."""

    def set_payload(self, ids: Sequence[str], payload: Mapping[str, Any]) -> None:
        """Set these payload fields; others stay."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points by id; unknown ids are no error."""

    def delete_where(self, where: Filter) -> int:
        """Remove all matching points. Returns how many there were. Raises: ValueError, for an empty filter."""

    def count(self, where: Filter) -> int:
        """How many points match, exactly."""

    def count_by(self, field: str, where: Filter, *, limit: int) -> dict[str, int]:
        """Points per value of a keyword field, the most frequent values first."""

    def size(self) -> CollectionSize:
        """How large the collection is; cheap, however large. Qdrant may count points that are being moved twice."""

    def rewrite(self) -> bool:
        """Write what is left into new files, so that none holds what was deleted. False: the store is a server, which
        does so in its own time.
        """

    def folder(self) -> Path | None:
        """Where its files are; None for a server's."""

    def version(self) -> str:
        """The engine's version, such as "1.20.1" or "edge 0.9.0"."""

    def close(self) -> None:
        """Release what the store holds; durable data stays."""
