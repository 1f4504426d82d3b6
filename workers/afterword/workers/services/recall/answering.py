"""Answering a context request: find, choose, complete, fit, render."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from afterword.schemas import ContextReply, ContextRequest, Explanation, Memory, Scope
from afterword.schemas.rendering import render_sections
from afterword.workers.core.errors import Late, LedgerUnavailable, VectorStoreUnavailable
from afterword.workers.models.tokenizers.port import Tokenizer
from afterword.workers.observing.outages import CALM_SECONDS, Outage
from afterword.workers.services.recall import budget
from afterword.workers.services.recall.askers_clock import AskersClock
from afterword.workers.services.recall.corners import Corner, corners_of
from afterword.workers.services.recall.finding.corner_search import CornerSearch
from afterword.workers.services.recall.finding.finder import FETCHED, Findings, MemoryFinder
from afterword.workers.services.recall.ledger_reader import LedgerReader
from afterword.workers.services.recall.question.parsing import ParsedQuestion
from afterword.workers.services.recall.ranking import shortlist
from afterword.workers.services.recall.ranking.scores import newest_first
from afterword.workers.services.recall.ranking.shortlist import Shortlist
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.text.language import detect_with_script

logger = logging.getLogger(__name__)

NEWEST = 24
"""The memories of each corner that are read when nothing is asked: twice as many as a context holds by default."""

_ALWAYS = 0.2
"""The part of the time left for finding the memories that are always given; the question itself comes after it."""


class RelevanceVerdict(StrEnum):
    """Whether some memory is relevant to a question: PASSED, or STOPPED when none is. NONE: nothing was asked."""

    PASSED = "passed"
    STOPPED = "stopped"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Draft:
    """The memories for a reply, best first, before they are fitted into its budget.

    `around` completes them where there is room. `relevance` is by id, for those that answer a question. `degraded`
    names the parts that were missing.
    """

    memories: tuple[StoredMemory, ...] = ()
    around: tuple[StoredMemory, ...] = ()
    relevance: dict[str, float] = field(default_factory=dict)
    explanations: tuple[Explanation, ...] = ()
    degraded: tuple[str, ...] = ()
    verdict: RelevanceVerdict = RelevanceVerdict.NONE
    has_memories: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, the seconds that each step took, the verdict, and whether the owners have any memories."""

    reply: ContextReply
    seconds: dict[str, float]
    verdict: RelevanceVerdict
    has_memories: bool


class Answerer:
    """Answers context requests. It fails open: `degraded` names each part that could not be used."""

    def __init__(
        self,
        *,
        finder: MemoryFinder,
        search: CornerSearch,
        ledger: LedgerReader,
        tokenizer: Tokenizer,
        relevance_floor: float,
    ) -> None:
        self._finder = finder
        self._search = search
        self._ledger = ledger
        self._tokenizer = tokenizer
        self._floor = relevance_floor
        # Once an outage, not once a context.
        self._store_outage = Outage(
            logger, gone="contexts come from what was said last", back="contexts come from memories", calm=CALM_SECONDS
        )
        self._ledger_outage = Outage(
            logger, gone="contexts are without memories", back="the ledger answers contexts again", calm=CALM_SECONDS
        )
        self._clock = AskersClock(search=search, ledger=ledger)

    def answer(self, request: ContextRequest, within: float | None = None, now: datetime | None = None) -> Answer:
        """The memories for one prompt, in at most `within` seconds; `now` is when it is asked, by default the present.

        It never raises for a part that is away: the reply names it in `degraded`.
        """
        started = time.perf_counter()
        draft = self._drafted(request, Deadline.within(within), now or datetime.now(UTC))
        # Before fitting: headings are counted in the language in which they are rendered.
        language = _language(request, draft.memories)
        memories = self._fitted(request, draft, language)
        text = render_sections(memories, agent_id=request.agent_id, session_id=request.session_id, language=language)
        seconds = {**draft.seconds, "total": time.perf_counter() - started}
        reply = ContextReply(
            memories=tuple(memories),
            text=text,
            degraded=draft.degraded,
            explanations=shortlist.after_fitting(draft.explanations, memories),
            timings_ms={step: round(1000 * taken, 3) for step, taken in seconds.items()},
        )
        return Answer(reply, seconds, draft.verdict, draft.has_memories)

    def _drafted(self, request: ContextRequest, deadline: Deadline, now: datetime) -> Draft:
        if self._ledger.memory_is_off(request):
            return Draft(degraded=("memory_off",))
        agent = self._ledger.agent_of(request, deadline)
        if not agent.memory_enabled:
            return Draft(degraded=("memory_off",))
        request = request.model_copy(update={"scopes": tuple(each for each in request.scopes if each in agent.scopes)})
        corners = corners_of(request, agent.shared_by)
        if not corners:
            return Draft()
        try:
            if not (request.query and request.query.strip()):
                return self._without_question(request, corners, deadline)
            asked = self._clock.parse(request, corners, deadline, now)
            # "What do you know about me?" resembles no memory: it gets the most important and the newest ones.
            if asked.is_open:
                return self._without_question(request, corners, deadline)
            draft = self._answering(request, asked, corners, deadline, now)
        except (VectorStoreUnavailable, Late) as error:
            self._store_outage.note(str(error) or "the vector store is too slow")
            return self._from_ledger(request, deadline)
        self._store_outage.note(None)
        return draft

    def _without_question(self, request: ContextRequest, corners: Sequence[Corner], deadline: Deadline) -> Draft:
        newest = self._search.newest(corners, NEWEST, deadline)
        chosen = shortlist.each_once(newest_first(newest.found), most=2 * request.limit)
        return Draft(memories=chosen.memories, degraded=newest.missing, has_memories=bool(newest.found))

    def _answering(
        self,
        request: ContextRequest,
        asked: ParsedQuestion,
        corners: Sequence[Corner],
        deadline: Deadline,
        now: datetime,
    ) -> Draft:
        always, missing = self._always(request, corners, deadline)
        if asked.is_small_talk:
            verdict = RelevanceVerdict.STOPPED
            return Draft(memories=always, degraded=missing, verdict=verdict, has_memories=bool(always))
        found = self._finder.find(corners, asked, deadline, now=now, most=max(FETCHED, 2 * request.limit))
        # By words alone a word in common is all there is to go by, however little it scores in a small collection.
        floor = 0.0 if found.by_words_alone else self._floor
        relevant = shortlist.relevant(found.ranked, floor)
        kept = {memory.id for memory in always}
        ranked = (each.memory for each in relevant if each.memory.id not in kept)
        # Twice as many as are wanted: a memory too long for the budget gives way to the next one.
        chosen = shortlist.each_once((*always, *ranked), asked=asked.text, most=2 * request.limit)
        # Completing costs the store one more request, so it is done only where there is room for what it finds.
        has_room = len(chosen.memories) < request.limit
        relevance = {each.memory.id: round(each.relevance, 4) for each in relevant}
        around, searched = self._around(corners, asked, chosen, relevance.keys(), deadline) if has_room else ((), 0.0)
        return Draft(
            memories=chosen.memories,
            around=around,
            relevance=relevance,
            explanations=_explained(found, chosen, floor) if request.explain else (),
            degraded=tuple(dict.fromkeys((*found.degraded, *missing))),
            verdict=RelevanceVerdict.PASSED if relevant else RelevanceVerdict.STOPPED,
            has_memories=found.has_memories,
            seconds={**found.seconds, "search": found.seconds["search"] + searched},
        )

    def _always(
        self, request: ContextRequest, corners: Sequence[Corner], deadline: Deadline
    ) -> tuple[tuple[StoredMemory, ...], tuple[Scope, ...]]:
        """The memories that are kept in whatever is asked; or, when finding them takes too long, their scope."""
        of_user = [corner for corner in corners if corner.scope is Scope.USER and not corner.verbatim]
        if not request.always or not of_user:
            return (), ()
        try:
            newest = self._search.newest(of_user, shortlist.LOOKED_AT, deadline.part(_ALWAYS))
        except Late:
            return (), (Scope.USER,)
        return shortlist.identity(newest.found, request.always), ()

    def _around(
        self,
        corners: Sequence[Corner],
        asked: ParsedQuestion,
        chosen: Shortlist,
        matched: Collection[str],
        deadline: Deadline,
    ) -> tuple[tuple[StoredMemory, ...], float]:
        """The neighbours of those that matched, as far as they say something new, and how long the store took to find
        them; without them the answer stands.
        """
        given = chosen.memories
        begun = time.perf_counter()
        try:
            found = self._search.around(corners, [each for each in given if each.id in matched], deadline)
        # The answer is there already; this would only have completed it.
        except (VectorStoreUnavailable, Late):
            found = []
        searched = time.perf_counter() - begun
        completed = shortlist.each_once((*given, *found), asked=asked.text, most=len(given) + len(found))
        return completed.memories[len(given) :], searched

    def _from_ledger(self, request: ContextRequest, deadline: Deadline) -> Draft:
        # Without any time left the ledger would look away, though nobody asked it.
        if deadline.share(1) == 0:
            return Draft(degraded=("vector_store",))
        try:
            turns = self._ledger.last_turns(request, deadline)
        except (LedgerUnavailable, Late) as error:
            self._ledger_outage.note(str(error) or "the ledger is too slow")
            return Draft(degraded=("vector_store", "ledger"))
        self._ledger_outage.note(None)
        return Draft(memories=tuple(turns), degraded=("vector_store",), has_memories=bool(turns))

    def _fitted(self, request: ContextRequest, draft: Draft, language: str) -> list[Memory]:
        return budget.fit(
            # Any user of an agent may see its prompt: its own memories must not say whom they were learned from.
            [to_memory(memory, draft.relevance.get(memory.id), to_owner=False) for memory in draft.memories],
            completing=[to_memory(memory, to_owner=False) for memory in draft.around],
            limit=request.limit,
            token_budget=request.token_budget,
            language=language,
            agent_id=request.agent_id,
            session_id=request.session_id,
            shares=request.shares,
            tokenizer=self._tokenizer,
        )


def _explained(found: Findings, chosen: Shortlist, floor: float) -> tuple[Explanation, ...]:
    return shortlist.explained(found.ranked, found.replaced, chosen, floor, to_owner=False)


def _language(request: ContextRequest, memories: Sequence[StoredMemory]) -> str:
    """The language of the headings: as asked for, else the question's, else that of the best memories."""
    return request.language or detect_with_script(request.query or " ".join(memory.text for memory in memories[:3]))
