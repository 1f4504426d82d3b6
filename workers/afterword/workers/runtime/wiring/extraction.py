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
from afterword.workers.services.policy.policies import SessionLifetimes
from afterword.workers.stores.ledger.extraction.breaker import BreakerPolicy

if TYPE_CHECKING:
    from afterword.workers.services.extraction.extraction import Extraction
    from afterword.workers.services.extraction.lease import LeaseKeeper
    from afterword.workers.services.extraction.writing import FactWriter


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
        from afterword.workers.services.extraction.batch_extraction import Limits, Tools
        from afterword.workers.services.extraction.claims import Claims
        from afterword.workers.services.extraction.extraction import Extraction
        from afterword.workers.services.extraction.failures import Failures, RetryPolicy
        from afterword.workers.services.extraction.known import KnownMemories
        from afterword.workers.services.extraction.llm_caller import LlmCaller

        settings, database, metrics = self._ground.settings, self._stores.database, self._ground.metrics
        if self._models.llm is None:
            raise Misconfigured("AFTERWORD_LLM is none: without an LLM there is nothing for this role to do")
        claims = Claims(
            database=database,
            keeper=keeper,
            breaker_policy=self._breaker_policy,
            debounce=self._ingest.debounce,
            hint=hint_with(broker.admin),
        )
        retry = RetryPolicy(
            timedelta(seconds=settings.retry_after), timedelta(seconds=settings.retry_within), settings.max_attempts
        )
        tools = Tools(
            known=KnownMemories(self._stores.views),
            llm=LlmCaller(llm=self._models.llm, database=database, prices=settings.prices, metrics=metrics),
            embedder=self._models.embedder,
            writer=self._writer(),
            limits=Limits(
                batch_tokens=settings.batch_tokens, keep_transcripts=timedelta(seconds=settings.keep_transcripts)
            ),
        )
        failures = Failures(database=database, claims=claims, retry=retry, tools=tools, metrics=metrics)
        return Extraction(database=database, claims=claims, tools=tools, failures=failures, metrics=metrics)

    def _writer(self) -> FactWriter:
        from afterword.workers.services.extraction.writing import FactWriter

        return FactWriter(
            database=self._stores.database,
            views=self._stores.views,
            topics=self._memories.topics,
            books=self._memories.books,
            lifetimes=SessionLifetimes(self._stores.database, timedelta(seconds=self._ground.settings.session_ttl)),
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
