"""The question's vector and topic, within its time."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.recall.question.calibration import Calibration, Scale, calibrate
from afterword.workers.services.recall.question.parsing import ParsedQuestion
from afterword.workers.services.recall.steps import Steps
from afterword.workers.text.topic_words import Topic

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedQuestion:
    """A question that knows its topic, its vector, and the scale of its similarities."""

    question: ParsedQuestion
    vector: Vector
    scale: Scale


class QuestionEmbedder:
    """Embeds questions, and knows what their similarities say. The embedder is calibrated before its first use."""

    def __init__(self, *, embedder: Embedder, topics: Topics, steps: Steps) -> None:
        self._embedder = embedder
        self._topics = topics
        self._steps = steps
        self._calibration: Calibration | None = None

    def prepare(self) -> None:
        """Calibrate now, so that no request waits for it. An embedder that is away is calibrated when it is back."""
        try:
            self._calibrated()
            self._topics.prepare()
        except EmbeddingFailed as error:
            logger.warning("the embedder is calibrated later: %s", error)

    def embed(self, question: ParsedQuestion, seconds: float | None) -> EmbeddedQuestion:
        """Raises: EmbeddingFailed, Late."""
        return self._steps.run(lambda: self._embedded(question), seconds)

    def by_words(self, question: ParsedQuestion) -> ParsedQuestion:
        """The question with the topic that its words tell."""
        return self._about(question, None)

    def _embedded(self, question: ParsedQuestion) -> EmbeddedQuestion:
        scale = self._calibrated().scale(question.unparted)
        vector = self._embedder.embed([question.text])[0]
        return EmbeddedQuestion(self._about(question, vector), vector, scale)

    def _about(self, question: ParsedQuestion, vector: Vector | None) -> ParsedQuestion:
        topic = self._topics.about(question.text, vector).topic
        return replace(question, topic=None if topic is Topic.OTHER else topic.value)

    def _calibrated(self) -> Calibration:
        # Two threads may both ask: they come to the same.
        if self._calibration is None:
            self._calibration = calibrate(self._embedder)
        return self._calibration
