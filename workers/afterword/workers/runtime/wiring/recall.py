"""Wiring of recall: its parts, and the threads for steps that may be left behind."""

from __future__ import annotations

from functools import cached_property

from afterword.workers.models.embedders.layers import CachingEmbedder
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.models.embedders.shared import SharedEmbedder
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.recall.answering import Answerer
from afterword.workers.services.recall.finding.corner_search import CornerSearch
from afterword.workers.services.recall.finding.finder import MemoryFinder
from afterword.workers.services.recall.ledger_reader import LedgerReader
from afterword.workers.services.recall.limiting import LimitedAnswerer
from afterword.workers.services.recall.question.embedding import QuestionEmbedder
from afterword.workers.services.recall.steps import Steps

_DEFAULT_THREADS = 4
_STEPS_A_THREAD = 4
"""Each of a worker's threads may wait for several scopes."""


class RecallRoom:
    """Finds memories for questions."""

    def __init__(self, ground: Ground, *, models: ModelRoom, stores: StoreRoom, memories: MemoryRoom) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores
        self._memories = memories

    @property
    def in_place(self) -> bool:
        """Whether neither the vector store nor the embedder is a server."""
        settings = self._ground.settings
        return not settings.qdrant_url and settings.embedder == "hashing"

    @cached_property
    def embedding_steps(self) -> Steps:
        """Threads for embedding. Each server has its own threads: one that hangs takes only those."""
        return self._open_steps(in_place=self._ground.settings.embedder == "hashing")

    @cached_property
    def searching_steps(self) -> Steps:
        """Threads for searches, since a server may be slow. With Qdrant Edge a search runs on the caller's own thread:
        it holds up the interpreter anyhow.
        """
        return self._open_steps(in_place=not self._ground.settings.qdrant_url)

    @cached_property
    def ledger_steps(self) -> Steps:
        """Threads for questions to the ledger."""
        return self._open_steps()

    def _open_steps(self, *, in_place: bool = False) -> Steps:
        steps = Steps(_STEPS_A_THREAD * (self._ground.settings.threads or _DEFAULT_THREADS), in_place=in_place)
        self._ground.closing.callback(steps.close)
        return steps

    @cached_property
    def question_embedder(self) -> QuestionEmbedder:
        """Embeds questions, within their deadline."""
        return QuestionEmbedder(
            embedder=self._embedder_of_questions, topics=self._memories.topics, steps=self.embedding_steps
        )

    @property
    def _embedder_of_questions(self) -> Embedder:
        """The embedder, behind the cache in Redis. Not for hashing, which takes less time than asking Redis would."""
        settings, metrics = self._ground.settings, self._ground.metrics
        if settings.embedder == "hashing" or settings.question_cache == 0:
            return self._models.embedder
        shared = SharedEmbedder(self._models.embedder, self._stores.question_cache, settings.question_cache, metrics)
        # The process's own cache stands before Redis, and the same one behind it, in `embedder`: a vector is kept once.
        return CachingEmbedder(shared, self._models.vector_cache, metrics)

    @cached_property
    def search(self) -> CornerSearch:
        """Asks the vector store."""
        return CornerSearch(views=self._stores.views, steps=self.searching_steps)

    @cached_property
    def finder(self) -> MemoryFinder:
        """From a question to ranked memories."""
        return MemoryFinder(embedder=self.question_embedder, search=self.search)

    @cached_property
    def answerer(self) -> Answerer:
        """Answers context requests."""
        return Answerer(
            finder=self.finder,
            search=self.search,
            ledger=self._ledger_reader,
            tokenizer=self._models.tokenizer,
            relevance_floor=self._ground.settings.relevance_floor,
        )

    @property
    def limited_answerer(self) -> LimitedAnswerer:
        """Answers context requests, as many as limits allow."""
        return LimitedAnswerer(self.answerer, self._memories.limits)

    @property
    def _ledger_reader(self) -> LedgerReader:
        return LedgerReader(
            database=self._stores.database,
            registry=self._memories.registry,
            objections=self._memories.objections,
            steps=self.ledger_steps,
            memory_enabled=self._ground.settings.memory_enabled,
        )
