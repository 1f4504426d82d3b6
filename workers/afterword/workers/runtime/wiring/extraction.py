"""Wiring of the extraction. mem0 takes a second to import: only who asks for an extraction pays for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from afterword.workers.broker import MendedBroker
from afterword.workers.core.errors import Misconfigured
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.ingest import IngestRoom, hint_with
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.stores.ledger.breaker import BreakerPolicy

if TYPE_CHECKING:
    from afterword.workers.services.extraction.extraction import Extraction
    from afterword.workers.services.extraction.lease import LeaseKeeper


class ExtractionRoom:
    """Turns due subjects into facts."""

    def __init__(
        self, ground: Ground, *, models: ModelRoom, stores: StoreRoom, memories: MemoryRoom, ingest: IngestRoom
    ) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores
        self._memories = memories
        self._ingest = ingest

    def extraction(self, broker: MendedBroker, keeper: LeaseKeeper) -> Extraction:
        """The service. Raises: Misconfigured, without an LLM."""
        from afterword.workers.services.extraction.asking import Asking
        from afterword.workers.services.extraction.extraction import Extraction
        from afterword.workers.services.extraction.failures import Failures
        from afterword.workers.services.extraction.known import KnownMemories
        from afterword.workers.services.extraction.release import Release
        from afterword.workers.services.extraction.retry import RetryPolicy
        from afterword.workers.services.extraction.work import Limits
        from afterword.workers.services.extraction.writing import FactWriter

        settings, database, metrics = self._ground.settings, self._stores.database, self._ground.metrics
        if self._models.llm is None:
            raise Misconfigured("AFTERWORD_LLM is none: without an LLM there is nothing for this role to do")
        retry = RetryPolicy(
            timedelta(seconds=settings.retry_after), timedelta(seconds=settings.retry_within), settings.max_attempts
        )
        lease = timedelta(seconds=settings.lease)
        hint, release = hint_with(broker), Release(self._ingest.debounce)
        session_ttl = timedelta(seconds=settings.session_ttl)
        return Extraction(
            database,
            Asking(self._models.llm, database, settings.prices, metrics),
            self._models.embedder,
            KnownMemories(self._stores.vectors),
            FactWriter(database, self._stores.vectors, self._memories.topics, session_ttl),
            keeper,
            Failures(database, retry, self._breaker_policy, lease, release, hint, metrics),
            release,
            self._breaker_policy,
            Limits(settings.batch_tokens, lease, timedelta(seconds=settings.keep_transcripts)),
            self._memories.books,
            hint,
            metrics,
        )

    @property
    def _breaker_policy(self) -> BreakerPolicy:
        settings = self._ground.settings
        return BreakerPolicy(
            settings.breaker_failures,
            timedelta(seconds=settings.breaker_after),
            timedelta(seconds=settings.breaker_within),
            # A probe that takes longer than a call may has died with its worker.
            timedelta(seconds=settings.llm_timeout + settings.lease),
        )
