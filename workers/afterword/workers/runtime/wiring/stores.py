"""Wiring of the stores: the ledger, the vector store, and the broker's Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from redis import Redis

from afterword.workers.broker import MendedBroker, QueueInstruments, ServerClock, WindowCounter, build_broker
from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.shared import cache_client
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.services.memories.pending_deletions import PendingDeletions
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.timed import TimedStore
from afterword.workers.stores.vectors.views import Views


class StoreRoom:
    """Where a process keeps things. Everything opened here is closed with the house."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @cached_property
    def database(self) -> Database:
        """The ledger."""
        settings = self._ground.settings
        # One for each thread at least: with fewer, threads would wait for each other.
        database = Database(settings.postgres, connections=max(settings.postgres_connections, settings.threads or 0))
        self._ground.closing.callback(database.close)
        return database

    @cached_property
    def vectors(self) -> VectorStore:
        """The vector store. Raises: Misconfigured, without a Qdrant URL and without a folder."""
        store = TimedStore(self.open_untimed(), self._ground.metrics)
        self._ground.closing.callback(store.close)
        return store

    @cached_property
    def views(self) -> Views:
        """Opens views of the vector store, each bound to its owners."""
        return Views(self.vectors, self.pending_deletions)

    @cached_property
    def pending_deletions(self) -> PendingDeletions:
        """The deletions under way: nobody may see these memories, though the vector store still has them."""
        pending = PendingDeletions(self.database)
        self._ground.closing.callback(pending.close)
        return pending

    @cached_property
    def admin(self) -> StoreAdmin:
        """The collection as a whole, for those who maintain it."""
        return StoreAdmin(self.vectors)

    def open_untimed(self) -> VectorStore:
        """The vector store without its metrics. Raises: Misconfigured."""
        settings = self._ground.settings
        if settings.qdrant_url:
            # Each adapter is loaded only where it is used.
            from afterword.workers.stores.vectors.server import ServerStore

            key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
            return ServerStore(
                settings.qdrant_url, collection=settings.collection, api_key=key, timeout=settings.qdrant_timeout
            )
        if settings.edge_path:
            from afterword.workers.stores.vectors.edge import EdgeStore

            return EdgeStore(settings.edge_path / settings.collection)
        raise Misconfigured("set AFTERWORD_QDRANT_URL (a Qdrant server) or AFTERWORD_EDGE_PATH (a folder, one process)")

    @cached_property
    def question_cache(self) -> Redis:
        """The Redis that keeps the vectors of questions for all workers."""
        client = cache_client(self._ground.settings.redis)
        self._ground.closing.callback(client.close)
        return client

    @cached_property
    def windows(self) -> WindowCounter:
        """Counts in Redis for all workers."""
        client = cache_client(self._ground.settings.redis)
        self._ground.closing.callback(client.close)
        return WindowCounter(client, ServerClock(client))

    def open_broker(self, gate: Callable[[], bool] | None = None) -> MendedBroker:
        """A broker on connections of its own; each worker has one, and closes it."""
        instruments = QueueInstruments(self._ground.metrics)
        return build_broker(self._ground.settings.redis, gate=gate, middleware=[instruments])
