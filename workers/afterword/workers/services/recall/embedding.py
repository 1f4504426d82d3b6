"""The question's vector, within its time."""

from __future__ import annotations

import logging

from afterword.workers.errors import EmbeddingFailed
from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.services.recall.calibration import Calibration, Scale, calibrate
from afterword.workers.services.recall.question import Question
from afterword.workers.services.recall.steps import Steps

logger = logging.getLogger(__name__)


class QuestionEmbedder:
    """Embeds questions, and knows what their similarities say. The embedder is calibrated before its first use."""

    def __init__(self, embedder: Embedder, steps: Steps) -> None:
        self._embedder = embedder
        self._steps = steps
        self._calibration: Calibration | None = None

    def prepare(self) -> None:
        """Calibrate now, so that no request waits for it; an embedder that is away is calibrated when it is back."""
        try:
            self._calibrated()
        except EmbeddingFailed as error:
            logger.warning("the embedder is calibrated later: %s", error)

    def embed(self, question: Question, seconds: float | None) -> tuple[Vector, Scale]:
        """The vector and the scale of its similarities. Raises: EmbeddingFailed, Late."""
        return self._steps.run(lambda: self._embedded(question), seconds)

    def _embedded(self, question: Question) -> tuple[Vector, Scale]:
        scale = self._calibrated().scale(question.unparted)
        return self._embedder.embed([question.text])[0], scale

    def _calibrated(self) -> Calibration:
        # Two threads may both ask: they come to the same.
        if self._calibration is None:
            self._calibration = calibrate(self._embedder)
        return self._calibration
