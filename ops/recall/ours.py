"""Afterword's own recall, as the context role runs it, whole and without each of its signals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace

from afterword.schemas import ContextRequest
from afterword.schemas.wire import REPLY_PREFIX
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.models.tokenizers.port import EstimatingTokenizer
from afterword.workers.runtime.settings import Settings
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.services.policy.wishes import Objections
from afterword.workers.services.recall.answering import Answerer
from afterword.workers.services.recall.corners import corners_of
from afterword.workers.services.recall.finding.corner_search import CornerSearch
from afterword.workers.services.recall.finding.finder import MemoryFinder
from afterword.workers.services.recall.ledger_reader import LedgerReader
from afterword.workers.services.recall.question.embedding import QuestionEmbedder
from afterword.workers.services.recall.question.parsing import parse_question
from afterword.workers.services.recall.ranking.scores import WEIGHTS, Signals
from afterword.workers.services.recall.steps import Deadline, Steps
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.views import Views
from ops.recall.systems import DEPTH, Asking, Ranked, Recalled

_NAME = "afterword"


class Ours:
    """Ranks without threshold and budget, and injects what a context request with the settings' defaults gets."""

    def __init__(self, name: str, finder: MemoryFinder, answerer: Answerer) -> None:
        self.name = name
        self._finder = finder
        self._answerer = answerer

    def recall(self, asking: Asking) -> Recalled:
        request = _request(asking)
        asked = parse_question(asking.text, asking.at)
        found = self._finder.find(corners_of(request), asked, Deadline(), now=asking.at, most=DEPTH)
        injected = self._answerer.answer(request, now=asking.at).reply.memories
        return Recalled(
            [Ranked(each.memory.id, each.relevance) for each in found.ranked], [memory.id for memory in injected]
        )


@contextmanager
def our_systems(store: VectorStore, bare: VectorStore, embedder: Embedder, settings: Settings) -> Iterator[list[Ours]]:
    """Ours, and ours without each signal. `bare` holds the same memories, known by their texts alone."""
    steps = Steps(threads=1)
    # The ledger and its registry of agents are for what these questions do not need.
    database = Database(settings.postgres)
    registry, objections = AgentRegistry(database), Objections(database)
    ledger = LedgerReader(database=database, registry=registry, objections=objections, steps=steps, memory_enabled=True)

    def system(name: str, memories: VectorStore, weights: Signals = WEIGHTS) -> Ours:
        search = CornerSearch(views=Views(memories), steps=steps)
        embedding = QuestionEmbedder(embedder=embedder, topics=Topics(embedder), steps=steps)
        finder = MemoryFinder(embedder=embedding, search=search, weights=weights)
        answerer = Answerer(
            finder=finder,
            search=search,
            ledger=ledger,
            tokenizer=EstimatingTokenizer(),
            relevance_floor=settings.relevance_floor,
        )
        return Ours(name, finder, answerer)

    try:
        yield [
            system(_NAME, store),
            *(system(f"{_NAME} without {name}", store, weights) for name, weights in _without_each()),
            system(f"{_NAME} without context", bare),
        ]
    finally:
        steps.close()


def _without_each() -> Sequence[tuple[str, Signals]]:
    used = [each.name for each in fields(Signals) if getattr(WEIGHTS, each.name)]
    return [(name, replace(WEIGHTS, **{name: 0.0})) for name in used]


def _request(asking: Asking) -> ContextRequest:
    return ContextRequest(
        reply_to=f"{REPLY_PREFIX}recall",
        tenant_id=asking.owner.tenant_id,
        user_id=asking.owner.user_id,
        query=asking.text,
    )
