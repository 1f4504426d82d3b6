"""From a question to ranked memories: embed, search, fetch the best, rank. A part that fails is named, not raised."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from afterword.workers.core.errors import EmbeddingFailed, Late
from afterword.workers.observing.outages import CALM_SECONDS, Outage
from afterword.workers.services.recall.corners import Corner
from afterword.workers.services.recall.finding.corner_search import CornerSearch
from afterword.workers.services.recall.question.embedding import EmbeddedQuestion, QuestionEmbedder
from afterword.workers.services.recall.question.parsing import ParsedQuestion
from afterword.workers.services.recall.ranking.evidence import weigh
from afterword.workers.services.recall.ranking.replacement import below_what_replaced_them
from afterword.workers.services.recall.ranking.scores import WEIGHTS, RankedMemory, Signals, proposed, rank
from afterword.workers.services.recall.steps import Deadline

logger = logging.getLogger(__name__)

FETCHED = 32
"""At least so many memories are read and ranked by all signals. The development part of `make bench-recall` shows what
fewer would cost."""

EMBEDDING_SHARE = 0.4
"""The part of the time left that the embedder may take; then words alone answer, which need the rest."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Ranked memories, best first, and the parts that were missing for it.

    `replaced` names, by a memory's id, the newer one that has taken its place. `has_memories`: the corners are not
    empty. `by_words_alone`: there was no vector, so words alone tell the relevance. `seconds` are those of each step.
    """

    ranked: tuple[RankedMemory, ...]
    replaced: dict[str, str]
    has_memories: bool
    by_words_alone: bool
    degraded: tuple[str, ...]
    seconds: dict[str, float]


class MemoryFinder:
    """Finds the memories that a question is about, in some corners of the memory."""

    def __init__(self, *, embedder: QuestionEmbedder, search: CornerSearch, weights: Signals = WEIGHTS) -> None:
        self._embedder = embedder
        self._search = search
        self._weights = weights
        self._outage = Outage(
            logger,
            gone="questions are answered by words alone",
            back="questions are answered by meaning again",
            calm=CALM_SECONDS,
        )

    def find(
        self,
        corners: Sequence[Corner],
        question: ParsedQuestion,
        deadline: Deadline,
        *,
        now: datetime,
        most: int = FETCHED,
    ) -> Findings:
        """At most `most` memories; the question is asked `now`.

        Raises: VectorStoreUnavailable; Late, when no corner answered in time.
        """
        started = time.perf_counter()
        known = self._embedded(question, deadline)
        asked = known.question if known else self._embedder.by_words(question)
        embedded = time.perf_counter()
        answers = self._search.by_question(corners, asked, known.vector if known else None, deadline)
        evidence = weigh(answers.found, known.scale if known else None, asked.unparted)
        # Most of what the store proposes is not chosen, and reading it would cost more than finding it.
        best = proposed(evidence, most, self._weights)
        memories = self._search.fetch(corners, best, deadline)
        fetched = time.perf_counter()
        ranked = rank(evidence, memories, asked, now=now, weights=self._weights)
        ordered, replaced = below_what_replaced_them(ranked, asked.text)
        degraded = (() if known else ("embedder",)) + tuple(scope.value for scope in answers.missing)
        return Findings(
            ranked=tuple(ordered),
            replaced=replaced,
            has_memories=any(listing.dense or listing.lexical for listing in answers.found),
            by_words_alone=known is None,
            degraded=degraded,
            seconds={
                "embed": embedded - started,
                "search": fetched - embedded,
                "rank": time.perf_counter() - fetched,
            },
        )

    def _embedded(self, question: ParsedQuestion, deadline: Deadline) -> EmbeddedQuestion | None:
        try:
            embedded = self._embedder.embed(question, deadline.share(EMBEDDING_SHARE))
        except (EmbeddingFailed, Late) as error:
            self._outage.note(str(error) or "the embedder is too slow")
            return None
        self._outage.note(None)
        return embedded
