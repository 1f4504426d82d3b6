"""Wiring of what all writers of memories use: topics, books, excerpts, and the registry of agents."""

from __future__ import annotations

from functools import cached_property

from afterword.workers.models.embedders.hasty import HastyEmbedder
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.memories.excerpts import Excerpts, TextReader
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.limits import LimitBook, RequestLimits
from afterword.workers.services.policy.redaction import Redaction, rules_named
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.services.policy.wishes import Objections


class MemoryRoom:
    """Topics, books and excerpts of a process, and the agents it knows."""

    def __init__(self, ground: Ground, *, models: ModelRoom, stores: StoreRoom) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores

    @cached_property
    def topics(self) -> Topics:
        """Tells what a text is about."""
        return Topics(self._models.embedder)

    @cached_property
    def books(self) -> Books:
        """Keeps the books of what is written and removed."""
        identity = self._models.embedder.identity
        return Books(embedding_model=f"{identity.provider}/{identity.model}", analytics=self._ground.settings.analytics)

    @cached_property
    def excerpts(self) -> Excerpts:
        """Writes turns verbatim."""
        return self._excerpts(self._models.embedder, self.topics)

    @cached_property
    def excerpts_in_time(self) -> Excerpts:
        """Writes turns verbatim, unless the embedder keeps it waiting: for those who hold others up meanwhile."""
        hasty = HastyEmbedder(self._models.embedder, seconds=self._ground.settings.ingest_embedding)
        # Topics of its own, since telling a topic embeds as well and must not wait either.
        return self._excerpts(hasty, Topics(hasty))

    def _excerpts(self, embedder: Embedder, topics: Topics) -> Excerpts:
        return Excerpts(
            database=self._stores.database,
            views=self._stores.views,
            reader=TextReader(embedder=embedder, topics=topics),
            books=self.books,
            metrics=self._ground.metrics,
        )

    @cached_property
    def registry(self) -> AgentRegistry:
        """The registered agents."""
        return AgentRegistry(self._stores.database)

    @cached_property
    def objections(self) -> Objections:
        """The users who object to being remembered."""
        objections = Objections(self._stores.database)
        self._ground.closing.callback(objections.close)
        return objections

    @cached_property
    def limit_book(self) -> LimitBook:
        """How many publishes, contexts and commands policies allow."""
        book = LimitBook(self._stores.database, self._ground.settings.limits)
        self._ground.closing.callback(book.close)
        return book

    @cached_property
    def limits(self) -> RequestLimits:
        """Counts them."""
        return RequestLimits(self.limit_book, self._stores.windows, self._ground.metrics)

    @cached_property
    def redaction(self) -> Redaction:
        """Cuts out of texts what must not be stored. Raises: Misconfigured, for a rule that nobody offers."""
        rules = rules_named(self._ground.settings.redact.split(","))
        return Redaction(rules, self._ground.metrics.redacted_texts)
