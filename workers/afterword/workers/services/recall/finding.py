"""From a question to ranked memories: embed, search, fetch the best, rank. What fails is named, not raised."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from afterword.workers.errors import EmbeddingFailed, Late
from afterword.workers.models.embedders.port import Vector
from afterword.workers.services.recall import ranking
from afterword.workers.services.recall.calibration import Scale
from afterword.workers.services.recall.deadline import Deadline
from afterword.workers.services.recall.embedding import QuestionEmbedder
from afterword.workers.services.recall.evidence import weigh
from afterword.workers.services.recall.question import Question
from afterword.workers.services.recall.ranking import WEIGHTS, Ranked, Signals
from afterword.workers.services.recall.searching import Corner, Searching

logger = logging.getLogger(__name__)

FETCHED = 48
"""Memories whose payload is read and that are ranked by all signals."""

_EMBEDDING = 0.4
"""The part of the time left that the embedder may take; after it words alone answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """Ranked memories, best first, and what was missing for it. `has_memories`: the corners are not empty.

    Without a vector, relevance is known by words alone: `by_words_alone`. `seconds` are those of each step.
    """

    ranked: tuple[Ranked, ...]
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
        vector, scale = self._embedded(question, deadline)
        embedded = time.perf_counter()
        searched = self._searching.by_question(corners, question, vector, deadline)
        evidence = weigh(searched.listings, scale, question.unparted)
        best = ranking.proposed(evidence, most, self._weights)
        memories = self._searching.fetch(corners, best, deadline)
        fetched = time.perf_counter()
        ranked = ranking.rank(evidence, memories, question, now=now, weights=self._weights)
        degraded = (() if vector is not None else ("embedder",)) + tuple(scope.value for scope in searched.missing)
        return Found(
            ranked=tuple(ranked),
            has_memories=any(listing.dense or listing.lexical for listing in searched.listings),
            by_words_alone=vector is None,
            degraded=degraded,
            seconds={
                "embed": embedded - started,
                "search": fetched - embedded,
                "rank": time.perf_counter() - fetched,
            },
        )

    def _embedded(self, question: Question, deadline: Deadline) -> tuple[Vector | None, Scale | None]:
        try:
            return self._embedder.embed(question, deadline.share(_EMBEDDING))
        except (EmbeddingFailed, Late) as error:
            logger.warning("a question is answered by words alone: %s", error or "the embedder is too slow")
            return None, None
