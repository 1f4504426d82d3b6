"""Answering a context request: embed once, search once, rank, fit, render."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from afterword.schemas import ContextReply, ContextRequest, Kind, Scope
from afterword.schemas.rendering import render_sections
from afterword.workers.errors import EmbeddingFailed, VectorStoreUnavailable
from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.services.recall import budget, ranking
from afterword.workers.services.recall.ranking import Ranked
from afterword.workers.services.registry import AgentRegistry
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.stores.vectors.port import Dense, Filter, Lexical, Match, Newest, Signal, VectorStore
from afterword.workers.stores.vectors.views import (
    AgentOwner,
    Found,
    MemoryView,
    Owner,
    ScopedSearch,
    SessionOwner,
    UserOwner,
)
from afterword.workers.text import analysis
from afterword.workers.text.language import detect

logger = logging.getLogger(__name__)

CANDIDATES = 24
"""Memories that each signal may propose for each scope and kind."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, and how long its steps took, in seconds."""

    reply: ContextReply
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Corner:
    """A part of the memories that is searched by itself: an owner, and which of theirs."""

    owner: Owner
    where: Filter


class Recall:
    """Answers context requests. Fails open: what cannot be used is named in `degraded`."""

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        registry: AgentRegistry,
        *,
        memory_enabled: bool,
        relevance_floor: float,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._registry = registry
        self._memory_enabled = memory_enabled
        self._floor = relevance_floor

    def answer(self, request: ContextRequest) -> Answer:
        """The memories for one prompt. Raises nothing that a missing part can cause."""
        started = time.perf_counter()
        if self._is_off(request):
            return Answer(ContextReply(degraded=("memory_off",)), {"total": time.perf_counter() - started})
        vector, degraded = self._embedded(request)
        embedded = time.perf_counter()
        try:
            ranked = self._ranked(request, vector)
        except VectorStoreUnavailable as error:
            logger.warning("context without memories: %s", error)
            ranked, degraded = [], (*degraded, "vector_store")
        searched = time.perf_counter()
        reply = _reply(request, ranked, degraded)
        seconds = {
            "embed": embedded - started,
            "search": searched - embedded,
            "total": time.perf_counter() - started,
        }
        timings = {step: round(1000 * taken, 3) for step, taken in seconds.items()}
        return Answer(reply.model_copy(update={"timings_ms": timings}), seconds)

    def _is_off(self, request: ContextRequest) -> bool:
        if not self._memory_enabled:
            return True
        return bool(request.agent_id and not self._registry.agent(request.tenant_id, request.agent_id).memory_enabled)

    def _embedded(self, request: ContextRequest) -> tuple[Vector | None, tuple[str, ...]]:
        if not _asks(request):
            return None, ()
        try:
            return self._embedder.embed([request.query or ""])[0], ()
        except EmbeddingFailed as error:
            logger.warning("context by words alone: %s", error)
            return None, ("embedder",)

    def _ranked(self, request: ContextRequest, vector: Vector | None) -> list[Ranked]:
        corners = _corners(request)
        if not corners:
            return []
        view = MemoryView(self._store, tuple(dict.fromkeys(corner.owner for corner in corners)))
        if not _asks(request):
            return ranking.newest(found.memory for found in _search(view, corners, Newest()))
        terms = Lexical(analysis.lexical(request.query or ""))
        signals: list[Signal] = [Dense(vector), terms] if vector is not None else [terms]
        found = view.search([_scoped(corner, signal) for signal in signals for corner in corners])
        of_dense = found[: len(corners)] if vector is not None else []
        of_lexical = found[len(found) - len(corners) :]
        candidates = ranking.merged(_scored(of_dense), _scored(of_lexical))
        asked = " ".join((request.query or "").split())
        others = (each for each in candidates if " ".join(each.memory.text.split()) != asked)
        # Without a vector a word in common is all there is to go by, however little it scores in a small collection.
        floor = self._floor if vector is not None else 0.0
        return ranking.rank(others, now=datetime.now(UTC), floor=floor)


def _asks(request: ContextRequest) -> bool:
    return bool(request.query and request.query.strip())


def _corners(request: ContextRequest) -> list[_Corner]:
    """What is searched: learned memories of each scope asked for, and the user's excerpts."""
    learned = Filter((Match(collection.KIND, (Kind.FACT.value, Kind.NOTE.value)),))
    user = UserOwner(request.tenant_id, request.user_id)
    found: list[_Corner] = []
    if Scope.USER in request.scopes:
        found.append(_Corner(user, learned.narrowed(Match(collection.SCOPE, (Scope.USER.value,)))))
        found.append(_Corner(user, Filter((Match(collection.KIND, (Kind.EXCERPT.value,)),))))
    if Scope.AGENT in request.scopes and request.agent_id:
        found.append(_Corner(AgentOwner(request.tenant_id, request.agent_id), learned))
    if Scope.SESSION in request.scopes and request.session_id:
        session = SessionOwner(request.tenant_id, request.user_id, request.session_id)
        found.append(_Corner(session, learned.narrowed(Match(collection.SCOPE, (Scope.SESSION.value,)))))
    return found


def _scoped(corner: _Corner, signal: Signal) -> ScopedSearch:
    return ScopedSearch(corner.owner, signal, CANDIDATES, corner.where)


def _search(view: MemoryView, corners: Sequence[_Corner], signal: Signal) -> list[Found]:
    return [found for hits in view.search([_scoped(corner, signal) for corner in corners]) for found in hits]


def _scored(hits: Sequence[Sequence[Found]]) -> list[tuple[StoredMemory, float]]:
    return [(found.memory, found.score) for group in hits for found in group]


def _reply(request: ContextRequest, ranked: Sequence[Ranked], degraded: tuple[str, ...]) -> ContextReply:
    language = request.language or detect(request.query or " ".join(each.memory.text for each in ranked[:3]))
    scored = _asks(request)
    memories = (to_memory(each.memory, each.relevance if scored else None) for each in ranked)
    chosen = budget.fit(
        memories,
        limit=request.limit,
        token_budget=request.token_budget,
        language=language,
        agent_id=request.agent_id,
    )
    text = render_sections(chosen, agent_id=request.agent_id, session_id=request.session_id, language=language)
    return ContextReply(memories=tuple(chosen), text=text, degraded=degraded)
