"""Answering a context request: find, choose, complete, fit, render."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from afterword.schemas import ContextReply, ContextRequest, Explanation, Memory, Scope
from afterword.schemas.rendering import render_sections
from afterword.workers.core.errors import Late, LedgerUnavailable, VectorStoreUnavailable
from afterword.workers.models.tokenizers.port import Tokenizer
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.services.recall import budget
from afterword.workers.services.recall.deadline import Deadline
from afterword.workers.services.recall.finding.finding import FETCHED, Finding
from afterword.workers.services.recall.finding.recent import recent_turns
from afterword.workers.services.recall.finding.searching import Corner, Searching, corners_of
from afterword.workers.services.recall.question import question
from afterword.workers.services.recall.question.question import Question
from afterword.workers.services.recall.ranking import identity, ranking, selection
from afterword.workers.services.recall.ranking.explaining import after_fitting, explained
from afterword.workers.services.recall.ranking.selection import Selection
from afterword.workers.services.recall.steps import Steps
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.text.language import detect_with_script

logger = logging.getLogger(__name__)

NEWEST = 24
"""Memories of each corner that are looked at without a question."""

_REGISTRY = 0.2
"""The part of the time left that the registry of agents may take."""

_ALWAYS = 0.2
"""The part of the time left that finding what is always kept in may take."""

_FROM_LEDGER = 0.8
"""The part of the time left that the ledger may take."""


class Gate(StrEnum):
    """What became of a question: it has something to do with the memory, or nothing. NONE: nothing was asked."""

    PASSED = "passed"
    STOPPED = "stopped"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is to be given, best first, before it is fitted; what completes it when there is room; what was missing.

    `relevance` is by id, for those that answer a question.
    """

    memories: tuple[StoredMemory, ...] = ()
    around: tuple[StoredMemory, ...] = ()
    relevance: dict[str, float] = field(default_factory=dict)
    explanations: tuple[Explanation, ...] = ()
    degraded: tuple[str, ...] = ()
    gate: Gate = Gate.NONE
    has_memories: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, how long its steps took, in seconds, what the gate said, and whether the owners have any memories."""

    reply: ContextReply
    seconds: dict[str, float]
    gate: Gate
    has_memories: bool


class Recall:
    """Answers context requests. Fails open: what cannot be used is named in `degraded`."""

    def __init__(
        self,
        finding: Finding,
        searching: Searching,
        steps: Steps,
        database: Database,
        registry: AgentRegistry,
        tokenizer: Tokenizer,
        *,
        memory_enabled: bool,
        relevance_floor: float,
    ) -> None:
        self._finding = finding
        self._searching = searching
        self._steps = steps
        self._database = database
        self._registry = registry
        self._tokenizer = tokenizer
        self._memory_enabled = memory_enabled
        self._floor = relevance_floor

    def answer(self, request: ContextRequest, within: float | None = None, now: datetime | None = None) -> Answer:
        """The memories for one prompt, in at most `within` seconds; `now` is when it is asked, by default the present.

        Raises nothing that a missing part can cause.
        """
        started = time.perf_counter()
        recalled = self._recalled(request, Deadline.within(within), now or datetime.now(UTC))
        language = _language(request, recalled.memories)
        memories = self._fitted(request, recalled, language)
        text = render_sections(memories, agent_id=request.agent_id, session_id=request.session_id, language=language)
        seconds = {**recalled.seconds, "total": time.perf_counter() - started}
        reply = ContextReply(
            memories=tuple(memories),
            text=text,
            degraded=recalled.degraded,
            explanations=after_fitting(recalled.explanations, memories),
            timings_ms={step: round(1000 * taken, 3) for step, taken in seconds.items()},
        )
        return Answer(reply, seconds, recalled.gate, recalled.has_memories)

    def _is_off(self, request: ContextRequest, deadline: Deadline) -> bool:
        if not self._memory_enabled:
            return True
        return bool(request.agent_id and not self._remembers(request.tenant_id, request.agent_id, deadline))

    def _remembers(self, tenant_id: str, agent_id: str, deadline: Deadline) -> bool:
        """Whether the agent does; when the registry is too slow, as was known last."""
        agent, is_fresh = self._registry.known(tenant_id, agent_id)
        if not is_fresh:
            with suppress(Late):
                agent = self._steps.run(lambda: self._registry.agent(tenant_id, agent_id), deadline.share(_REGISTRY))
        return agent.memory_enabled

    def _recalled(self, request: ContextRequest, deadline: Deadline, now: datetime) -> Recalled:
        if self._is_off(request, deadline):
            return Recalled(degraded=("memory_off",))
        corners = corners_of(request)
        if not corners:
            return Recalled()
        try:
            if not (request.query and request.query.strip()):
                return self._without_question(request, corners, deadline)
            asked = question.read(request.query, now)
            if asked.is_open:
                return self._without_question(request, corners, deadline)
            return self._answering(request, asked, corners, deadline, now)
        except (VectorStoreUnavailable, Late) as error:
            logger.warning("context from what was said last: %s", str(error) or "the vector store is too slow")
            return self._from_ledger(request, deadline)

    def _without_question(self, request: ContextRequest, corners: Sequence[Corner], deadline: Deadline) -> Recalled:
        newest = self._searching.newest(corners, NEWEST, deadline)
        chosen = selection.each_once(ranking.newest(newest.memories), most=2 * request.limit)
        return Recalled(memories=chosen.memories, degraded=newest.missing, has_memories=bool(newest.memories))

    def _answering(
        self, request: ContextRequest, asked: Question, corners: Sequence[Corner], deadline: Deadline, now: datetime
    ) -> Recalled:
        always, missing = self._always(request, corners, deadline)
        if asked.is_small_talk:
            return Recalled(memories=always, degraded=missing, gate=Gate.STOPPED, has_memories=bool(always))
        found = self._finding.find(corners, asked, deadline, now=now, most=max(FETCHED, 2 * request.limit))
        # By words alone a word in common is all there is to go by, however little it scores in a small collection.
        floor = 0.0 if found.by_words_alone else self._floor
        relevant = selection.relevant(found.ranked, floor)
        kept = {memory.id for memory in always}
        ranked = (each.memory for each in relevant if each.memory.id not in kept)
        chosen = selection.each_once((*always, *ranked), asked=asked.text, most=2 * request.limit)
        has_room = len(chosen.memories) < request.limit
        relevance = {each.memory.id: round(each.relevance, 4) for each in relevant}
        begun = time.perf_counter()
        matched = [memory for memory in chosen.memories if memory.id in relevance] if has_room else []
        beside = self._beside(corners, matched, deadline) if matched else []
        searched = found.seconds["search"] + time.perf_counter() - begun
        return Recalled(
            memories=chosen.memories,
            around=_new(beside, chosen, asked),
            relevance=relevance,
            explanations=explained(found.ranked, found.replaced, chosen, floor) if request.explain else (),
            degraded=tuple(dict.fromkeys((*found.degraded, *missing))),
            gate=Gate.PASSED if relevant else Gate.STOPPED,
            has_memories=found.has_memories,
            seconds={**found.seconds, "search": searched},
        )

    def _always(
        self, request: ContextRequest, corners: Sequence[Corner], deadline: Deadline
    ) -> tuple[tuple[StoredMemory, ...], tuple[Scope, ...]]:
        """What is kept in anyhow; or, when that takes too long, whose it is."""
        of_user = [corner for corner in corners if corner.scope is Scope.USER and not corner.verbatim]
        if not request.always or not of_user:
            return (), ()
        try:
            newest = self._searching.newest(of_user, identity.LOOKED_AT, deadline.part(_ALWAYS))
        except Late:
            return (), (Scope.USER,)
        return identity.chosen(newest.memories, request.always), ()

    def _beside(
        self, corners: Sequence[Corner], matched: Sequence[StoredMemory], deadline: Deadline
    ) -> list[StoredMemory]:
        """The neighbours of those that matched; without them the answer stands as it is."""
        try:
            return self._searching.around(corners, matched, deadline)
        except (VectorStoreUnavailable, Late):
            return []

    def _from_ledger(self, request: ContextRequest, deadline: Deadline) -> Recalled:
        if deadline.share(_FROM_LEDGER) == 0:
            return Recalled(degraded=("vector_store",))
        try:
            turns = self._steps.run(lambda: recent_turns(self._database, request), deadline.share(_FROM_LEDGER))
        except (LedgerUnavailable, Late) as error:
            logger.warning("context without memories: %s", str(error) or "the ledger is too slow")
            return Recalled(degraded=("vector_store", "ledger"))
        return Recalled(memories=tuple(turns), degraded=("vector_store",), has_memories=bool(turns))

    def _fitted(self, request: ContextRequest, recalled: Recalled, language: str) -> list[Memory]:
        return budget.fit(
            [to_memory(memory, recalled.relevance.get(memory.id)) for memory in recalled.memories],
            completing=[to_memory(memory) for memory in recalled.around],
            limit=request.limit,
            token_budget=request.token_budget,
            language=language,
            agent_id=request.agent_id,
            session_id=request.session_id,
            shares=request.shares,
            tokenizer=self._tokenizer,
        )


def _new(beside: Sequence[StoredMemory], chosen: Selection, asked: Question) -> tuple[StoredMemory, ...]:
    """What says something that neither the chosen memories nor the question say."""
    given = chosen.memories
    together = selection.each_once((*given, *beside), asked=asked.text, most=len(given) + len(beside))
    return together.memories[len(given) :]


def _language(request: ContextRequest, memories: Sequence[StoredMemory]) -> str:
    """That of the headings: as asked for, else the question's, else that of the best memories."""
    return request.language or detect_with_script(request.query or " ".join(memory.text for memory in memories[:3]))
