"""From a question to ranked memories: embed, search, fetch the best, rank. What fails is named, not raised."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from afterword.workers.core.errors import EmbeddingFailed, Late
from afterword.workers.services.recall.deadline import Deadline
from afterword.workers.services.recall.finding.searching import Corner, Searching
from afterword.workers.services.recall.question.embedding import Embedded, QuestionEmbedder
from afterword.workers.services.recall.question.question import Question
from afterword.workers.services.recall.ranking import ranking
from afterword.workers.services.recall.ranking.evidence import weigh
from afterword.workers.services.recall.ranking.ranking import WEIGHTS, Ranked, Signals
from afterword.workers.services.recall.ranking.replaced import below_what_replaced_them

logger = logging.getLogger(__name__)

FETCHED = 32
"""Memories, at least, whose payload is read and that are ranked by all signals."""

_EMBEDDING = 0.4
"""The part of the time left that the embedder may take; after it words alone answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """Ranked memories, best first, and what was missing for it. `replaced` tells, by id, which newer memory has taken a
    memory's place. `has_memories`: the corners are not empty.

    Without a vector, relevance is known by words alone: `by_words_alone`. `seconds` are those of each step.
    """

    ranked: tuple[Ranked, ...]
    replaced: dict[str, str]
    has_memories: bool
    by_words_alone: bool
    degraded: tuple[str, ...]
    seconds: dict[str, float]


class Finding:
    """Finds what a question is about, in some corners of the memory."""

    def __init__(self, embedder: QuestionEmbedder, searching: Searching, weights: Signals = WEIGHTS) -> None:
        self._embedder = embedder
        self._searching = searching
        self._weights = weights

    def find(
        self,
        corners: Sequence[Corner],
        question: Question,
        deadline: Deadline,
        *,
        now: datetime,
        most: int = FETCHED,
    ) -> Found:
        """At most `most` memories; the question is asked `now`.

        Raises: VectorStoreUnavailable; Late, when no corner answered in time.
        """
        started = time.perf_counter()
        known = self._embedded(question, deadline)
        asked = known.question if known else self._embedder.by_words(question)
        embedded = time.perf_counter()
        searched = self._searching.by_question(corners, asked, known.vector if known else None, deadline)
        evidence = weigh(searched.listings, known.scale if known else None, asked.unparted)
        best = ranking.proposed(evidence, most, self._weights)
        memories = self._searching.fetch(corners, best, deadline)
        fetched = time.perf_counter()
        ranked = ranking.rank(evidence, memories, asked, now=now, weights=self._weights)
        ordered, replaced = below_what_replaced_them(ranked, asked.text)
        degraded = (() if known else ("embedder",)) + tuple(scope.value for scope in searched.missing)
        return Found(
            ranked=tuple(ordered),
            replaced=replaced,
            has_memories=any(listing.dense or listing.lexical for listing in searched.listings),
            by_words_alone=known is None,
            degraded=degraded,
            seconds={
                "embed": embedded - started,
                "search": fetched - embedded,
                "rank": time.perf_counter() - fetched,
            },
        )

    def _embedded(self, question: Question, deadline: Deadline) -> Embedded | None:
        try:
            return self._embedder.embed(question, deadline.share(_EMBEDDING))
        except (EmbeddingFailed, Late) as error:
            logger.warning("a question is answered by words alone: %s", str(error) or "the embedder is too slow")
            return None
