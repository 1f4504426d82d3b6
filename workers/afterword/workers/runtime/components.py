"""The composition root: everything is built here, once, from one settings object, and handed down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from redis import Redis

from afterword.schemas import MemoryUnavailable
from afterword.schemas.wire import Queue
from afterword.workers.broker import MendedBroker, QueueInstruments, build_broker
from afterword.workers.core.errors import Misconfigured
from afterword.workers.core.messages import ExtractionHint, QueryEvents
from afterword.workers.models.embedders.caching import CachingEmbedder
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.models.embedders.shared import SharedEmbedder, cache_client
from afterword.workers.models.llms.factory import build_llm
from afterword.workers.models.llms.port import Llm
from afterword.workers.models.tokenizers.factory import build_tokenizer
from afterword.workers.models.tokenizers.port import Tokenizer
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime.settings import Settings
from afterword.workers.services.analytics.analytics import Analytics
from afterword.workers.services.analytics.retention import Retention
from afterword.workers.services.analytics.snapshots import Snapshots
from afterword.workers.services.collections.adoption import Adoption
from afterword.workers.services.collections.discovery import Discovery
from afterword.workers.services.commands.commands import Commands
from afterword.workers.services.commands.memory_search import MemorySearch
from afterword.workers.services.ingest.debounce import Debounce
from afterword.workers.services.ingest.ingest import Ingest
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.memories.excerpts import Excerpts
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.services.recall.answering import Recall
from afterword.workers.services.recall.finding.finding import Finding
from afterword.workers.services.recall.finding.searching import Searching
from afterword.workers.services.recall.question.embedding import QuestionEmbedder
from afterword.workers.services.recall.steps import Steps
from afterword.workers.services.upkeep.readings import Readings
from afterword.workers.services.upkeep.sweeps import Sweeps
from afterword.workers.stores.ledger.breaker import BreakerPolicy
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.timed import TimedStore

if TYPE_CHECKING:
    from afterword.workers.services.extraction.extraction import Extraction
    from afterword.workers.services.extraction.lease import LeaseKeeper


class Components:
    """Each part is built when it is first asked for: a role loads only what it uses."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics()

    @cached_property
    def database(self) -> Database:
        connections = max(self.settings.postgres_connections, self.settings.threads or 0)
        return Database(self.settings.postgres, connections=connections)

    @cached_property
    def store(self) -> VectorStore:
        """Raises: Misconfigured, without a Qdrant URL and without a folder."""
        return TimedStore(self._untimed_store(), self.metrics)

    def _untimed_store(self) -> VectorStore:
        settings = self.settings
        if settings.qdrant_url:
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
    def embedder(self) -> Embedder:
        """Raises: Misconfigured."""
        settings = self.settings
        key = settings.embedder_api_key.get_secret_value() if settings.embedder_api_key else None
        return build_embedder(
            provider=settings.embedder,
            model=settings.embedder_model,
            dimensions=settings.embedder_dimensions,
            base_url=settings.embedder_base_url,
            api_key=key,
            timeout=settings.embedder_timeout,
            cached=settings.embedder_cache,
            metrics=self.metrics,
        )

    @cached_property
    def llm(self) -> Llm | None:
        """None in verbatim mode. Raises: Misconfigured."""
        settings = self.settings
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
        return build_llm(
            provider=settings.llm,
            model=settings.llm_model,
            base_url=settings.llm_base_url,
            api_key=key,
            timeout=settings.llm_timeout,
        )

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Counts the tokens of a context. Raises: Misconfigured."""
        return build_tokenizer(self.settings.tokenizer)

    def prepare_store(self) -> None:
        """Create the collection where it is missing. Raises: VectorStoreUnavailable, Misconfigured, EmbeddingFailed."""
        self.store.prepare(self.embedder.identity)

    @property
    def discovery(self) -> Discovery:
        return Discovery(self.store, self.database, self.settings.collection)

    @property
    def adoption(self) -> Adoption:
        return Adoption(self.store, self.database, self.embedder, self.topics, self.books)

    def broker(self, gate: Callable[[], bool] | None = None) -> MendedBroker:
        """A broker on connections of its own; each worker has one."""
        return build_broker(self.settings.redis, gate=gate, middleware=[QueueInstruments(self.metrics)])

    @cached_property
    def excerpts(self) -> Excerpts:
        return Excerpts(self.database, self.store, self.embedder, self.topics, self.books, self.metrics)

    @cached_property
    def books(self) -> Books:
        identity = self.embedder.identity
        return Books(f"{identity.provider}/{identity.model}", analytics=self.settings.analytics)

    def commands(self, broker: MendedBroker) -> Commands:
        analytics = Analytics(self.database, enabled=self.settings.analytics)
        return Commands(
            self.database,
            self.store,
            self.embedder,
            self.topics,
            broker,
            self.books,
            analytics,
            MemorySearch(self.finding, self.store),
            self.metrics,
        )

    @cached_property
    def topics(self) -> Topics:
        return Topics(self.embedder)

    @cached_property
    def registry(self) -> AgentRegistry:
        return AgentRegistry(self.database)

    @property
    def recalls_in_place(self) -> bool:
        """Whether neither the vector store nor the embedder is a server."""
        return not self.settings.qdrant_url and self.settings.embedder == "hashing"

    @cached_property
    def embedding_steps(self) -> Steps:
        """Threads for what a request may leave behind. Each server has its own: one that hangs takes only those."""
        return self._steps(in_place=self.settings.embedder == "hashing")

    @cached_property
    def searching_steps(self) -> Steps:
        """Threads for searches, which a server may hold up; Qdrant Edge holds up the interpreter itself."""
        return self._steps(in_place=not self.settings.qdrant_url)

    @cached_property
    def ledger_steps(self) -> Steps:
        return self._steps()

    def _steps(self, *, in_place: bool = False) -> Steps:
        # Each of a worker's threads may wait for several scopes.
        return Steps(4 * (self.settings.threads or 4), in_place=in_place)

    @cached_property
    def question_embedder(self) -> QuestionEmbedder:
        return QuestionEmbedder(self._embedder_of_questions, self.topics, self.embedding_steps)

    @property
    def _embedder_of_questions(self) -> Embedder:
        """Hashing takes less time than asking Redis would."""
        settings = self.settings
        if settings.embedder == "hashing" or settings.question_cache == 0:
            return self.embedder
        shared = SharedEmbedder(self.embedder, self.cache_client, settings.question_cache, self.metrics)
        # Before Redis the process's own: that of `embedder` stands behind it.
        return CachingEmbedder(shared, settings.embedder_cache, self.metrics)

    @cached_property
    def cache_client(self) -> Redis:
        return cache_client(self.settings.redis)

    @cached_property
    def searching(self) -> Searching:
        return Searching(self.store, self.searching_steps)

    @cached_property
    def finding(self) -> Finding:
        return Finding(self.question_embedder, self.searching)

    @cached_property
    def recall(self) -> Recall:
        return Recall(
            self.finding,
            self.searching,
            self.ledger_steps,
            self.database,
            self.registry,
            self.tokenizer,
            memory_enabled=self.settings.memory_enabled,
            relevance_floor=self.settings.relevance_floor,
        )

    def ingest(self, broker: MendedBroker) -> Ingest:
        settings = self.settings
        return Ingest(
            self.database,
            self.excerpts,
            self.books,
            self.registry,
            self._debounce,
            hint_with(broker),
            self.metrics,
            memory_enabled=settings.memory_enabled,
            verbatim=settings.llm == "none",
        )

    def extraction(self, broker: MendedBroker, keeper: LeaseKeeper) -> Extraction:
        """Raises: Misconfigured, without an LLM."""
        # mem0 takes a second to import: only this role pays for it.
        from afterword.workers.services.extraction.asking import Asking
        from afterword.workers.services.extraction.extraction import Extraction
        from afterword.workers.services.extraction.failures import Failures
        from afterword.workers.services.extraction.known import KnownMemories
        from afterword.workers.services.extraction.release import Release
        from afterword.workers.services.extraction.retry import RetryPolicy
        from afterword.workers.services.extraction.work import Limits
        from afterword.workers.services.extraction.writing import FactWriter

        settings = self.settings
        if self.llm is None:
            raise Misconfigured("AFTERWORD_LLM is none: without an LLM there is nothing for this role to do")
        retry = RetryPolicy(
            timedelta(seconds=settings.retry_after), timedelta(seconds=settings.retry_within), settings.max_attempts
        )
        lease = timedelta(seconds=settings.lease)
        hint, release = hint_with(broker), Release(self._debounce)
        return Extraction(
            self.database,
            Asking(self.llm, self.database, settings.prices, self.metrics),
            self.embedder,
            KnownMemories(self.store),
            FactWriter(self.database, self.store, self.topics, timedelta(seconds=settings.session_ttl)),
            keeper,
            Failures(self.database, retry, self._breaker_policy, lease, release, hint, self.metrics),
            release,
            self._breaker_policy,
            Limits(settings.batch_tokens, lease, timedelta(seconds=settings.keep_transcripts)),
            self.books,
            hint,
            self.metrics,
        )

    @property
    def _breaker_policy(self) -> BreakerPolicy:
        settings = self.settings
        return BreakerPolicy(
            settings.breaker_failures,
            timedelta(seconds=settings.breaker_after),
            timedelta(seconds=settings.breaker_within),
            # A probe that takes longer than a call may has died with its worker.
            timedelta(seconds=settings.llm_timeout + settings.lease),
        )

    @property
    def _debounce(self) -> Debounce:
        settings = self.settings
        return Debounce(
            timedelta(seconds=settings.extract_after),
            timedelta(seconds=settings.extract_within),
            settings.extract_at_tokens,
        )

    def sweeps(self, broker: MendedBroker) -> Sweeps:
        kept = timedelta(seconds=self.settings.keep_transcripts)
        return Sweeps(self.database, self.store, broker, self.excerpts, self.books, self.metrics, kept)

    @cached_property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.database, self.store, timedelta(seconds=self.settings.analytics_interval))

    @cached_property
    def retention(self) -> Retention:
        settings = self.settings
        return Retention(
            self.database,
            queries=timedelta(days=settings.keep_query_days),
            snapshots=timedelta(days=settings.keep_snapshot_days),
            statistics=timedelta(days=settings.keep_statistic_days),
        )

    def readings(self, broker: MendedBroker) -> Readings:
        return Readings(self.database, self.store, broker, self.metrics)

    def close(self) -> None:
        """Close what was opened."""
        for steps in ("embedding_steps", "searching_steps", "ledger_steps"):
            if steps in self.__dict__:
                self.__dict__[steps].close()
        for client in ("cache_client", "store"):
            if client in self.__dict__:
                self.__dict__[client].close()
        if "database" in self.__dict__:
            self.database.close()


def hint_with(broker: MendedBroker) -> Callable[[], None]:
    """Tells the extraction workers that a subject is due. Lost without harm: the sweep hints again."""

    def hint() -> None:
        with suppress(MemoryUnavailable):
            broker.enqueue_body(Queue.EXTRACTION, ExtractionHint())

    return hint


def sender_with(broker: MendedBroker) -> Callable[[QueryEvents], None]:
    """Sends query events to the telemetry queue."""

    def send(events: QueryEvents) -> None:
        broker.enqueue_body(Queue.TELEMETRY, events)

    return send
