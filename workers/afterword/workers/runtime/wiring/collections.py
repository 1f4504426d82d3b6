"""Wiring of collections: prepared, discovered, adopted."""

from __future__ import annotations

from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.collections.adoption import Adoption
from afterword.workers.services.collections.discovery import Discovery


class CollectionRoom:
    """The collection of all memories, looked at as a whole."""

    def __init__(self, ground: Ground, *, models: ModelRoom, stores: StoreRoom, memories: MemoryRoom) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores
        self._memories = memories

    def prepare(self) -> None:
        """Create the collection where it is missing. Raises: VectorStoreUnavailable, Misconfigured, EmbeddingFailed."""
        self._stores.admin.prepare(self._models.embedder.identity)

    @property
    def discovery(self) -> Discovery:
        """Tells whose points there are."""
        return Discovery(
            collection=self._ground.settings.collection, admin=self._stores.admin, database=self._stores.database
        )

    @property
    def adoption(self) -> Adoption:
        """Takes points of plain mem0's."""
        return Adoption(
            admin=self._stores.admin,
            database=self._stores.database,
            books=self._memories.books,
            embedder=self._models.embedder,
            topics=self._memories.topics,
        )
