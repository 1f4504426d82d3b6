"""An embedder that adapts to refusals: it sends fewer texts, then shorter ones, and gives up single texts at last."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np

from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused
from afterword.workers.models.embedders.limits import LEAST_TOKENS, EmbeddingLimits, shortened
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.models.embedders.refusals import Cause, RequestRefused
from afterword.workers.observing.metrics import Metrics
from afterword.workers.text.tokens import estimate

logger = logging.getLogger(__name__)

_HARMLESS = "hello"
"""A text that every embedder accepts. If even this one is refused, the refusal is about us, not about our texts."""

_SHORTENINGS = 4
"""How often a text is halved before it is given up: at most a sixteenth of it is left."""


class FittingEmbedder:
    """Cuts texts into requests that the inner embedder accepts (its `embed` is one request), and checks the vectors.

    A refused request is halved. A refused single text is shortened, and the size that is accepted is remembered. A text
    that gets no vector at all is given up alone. Thread-safe.
    """

    def __init__(self, inner: Embedder, limits: EmbeddingLimits, metrics: Metrics) -> None:
        self._inner = inner
        self._limits = limits
        self._shortened = metrics.embedder_refused.labels("shortened")
        self._given_up = metrics.embedder_refused.labels("given_up")

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text. Raises: EmbeddingRefused, with the vectors of the other texts; EmbeddingFailed."""
        if not texts:
            return []
        asking = _Asking(self._inner, self._limits)
        found = asking.embedded([self._limits.fitted(text) for text in texts])
        self._shortened.inc(asking.shortened)
        vectors = [vector for vector in found if vector is not None]
        if len(vectors) == len(texts):
            return vectors
        missing = len(texts) - len(vectors)
        self._given_up.inc(missing)
        logger.warning("%s: no vector for %d of %d texts: %s", self.identity.model, missing, len(texts), asking.reason)
        raise EmbeddingRefused(f"{self.identity.model}: no vector for {missing} of {len(texts)} texts", found)


class _Asking:
    """One call's way through the refusals."""

    def __init__(self, inner: Embedder, limits: EmbeddingLimits) -> None:
        self._inner = inner
        self._limits = limits
        self._known_to_answer = False
        self.shortened = 0
        self.reason = ""

    def embedded(self, texts: Sequence[str]) -> list[Vector | None]:
        found: list[Vector | None] = []
        while len(found) < len(texts):
            # Cut anew each time: a limit learned from one batch holds for the next.
            batch = next(self._limits.batches(texts[len(found) :]))
            found += self._batch(batch)
        return found

    def _batch(self, texts: list[str]) -> list[Vector | None]:
        try:
            vectors = self._request(texts)
        except RequestRefused as refused:
            self._check_that_it_answers(refused)
            if len(texts) == 1:
                return [self._by_shortening(texts[0], refused.cause)]
            return self._in_halves(texts, refused.cause)
        broken = _without_direction(vectors)
        if not broken:
            return list(vectors)
        self.reason = "a vector that is none"
        found: list[Vector | None] = list(vectors)
        for place in broken:
            found[place] = self._by_shortening(texts[place], Cause.BROKEN)
        return found

    def _in_halves(self, texts: list[str], cause: Cause) -> list[Vector | None]:
        # The larger half first, so that `middle` is the most that was accepted.
        middle = (len(texts) + 1) // 2
        before = self.shortened
        found = self._batch(texts[:middle])
        # Fitted anew: a length learned from the first half spares the second one its refusals.
        found += self._batch([self._limits.fitted(text) for text in texts[middle:]])
        # Only if both halves came through unchanged was their number at fault.
        whole = None not in found and self.shortened == before
        if whole and cause is not Cause.BROKEN:
            self._limits.learn_inputs(middle)
        return found

    def _by_shortening(self, text: str, cause: Cause) -> Vector | None:
        tokens = estimate(text)
        for _ in range(_SHORTENINGS):
            if tokens <= LEAST_TOKENS:
                break
            tokens = max(LEAST_TOKENS, tokens // 2)
            vector = self._alone(shortened(text, tokens))
            if vector is not None:
                self.shortened += 1
                # The other causes speak of the number of texts, or of this text alone: they teach nothing about
                # lengths.
                if cause in (Cause.LENGTH, Cause.UNSAID):
                    self._limits.learn_tokens(tokens)
                return vector
        return None

    def _alone(self, text: str) -> Vector | None:
        try:
            [vector] = self._request([text])
        except RequestRefused as refused:
            self.reason = str(refused)
            return None
        return None if _without_direction([vector]) else vector

    def _check_that_it_answers(self, refused: RequestRefused) -> None:
        """Raises: EmbeddingFailed, when it refuses whatever it is asked: then nothing is wrong with the texts."""
        self.reason = str(refused)
        if self._known_to_answer:
            return
        try:
            self._request([_HARMLESS])
        except RequestRefused as again:
            raise EmbeddingFailed(f"{again} (whatever it is asked)") from None
        self._known_to_answer = True

    def _request(self, texts: list[str]) -> list[Vector]:
        """Vectors of the right size. Raises: RequestRefused, EmbeddingFailed."""
        vectors: Any = self._inner.embed(texts)
        identity = self._inner.identity
        if not isinstance(vectors, list) or len(vectors) != len(texts):
            count = len(vectors) if isinstance(vectors, list) else "no"
            raise EmbeddingFailed(f"{identity.model}: {count} vectors for {len(texts)} texts")
        # Nothing in the place of a vector is about that text alone.
        vectors = [[nan] * identity.dimensions if vector is None or vector == [] else vector for vector in vectors]
        if any(not isinstance(vector, list) or len(vector) != identity.dimensions for vector in vectors):
            raise EmbeddingFailed(
                f"{identity.model}: vectors do not have the {identity.dimensions} dimensions expected"
            )
        return list(vectors)


def _without_direction(vectors: Sequence[Vector]) -> list[int]:
    """The places of those that cannot be compared with others: not numbers, not finite, or zero."""
    return [place for place, vector in enumerate(vectors) if not _has_direction(vector)]


def _has_direction(vector: Vector) -> bool:
    try:
        numbers = np.asarray(vector)
    except ValueError:  # lists of several lengths within it
        return False
    # Of what is no number, and of integers without a bound, NumPy makes texts and objects.
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(numbers.astype(np.float64))
    return bool(np.isfinite(length) and length > 0)
