"""Topics: a memory or a question is about the nearest of fifteen, by its vector and its words.

A topic's prototype is the mean vector of some phrases of it, embedded once. Words help an embedder that knows one
language only, and do the work where it knows nothing of meaning (hashing).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afterword.workers.models.embedders.port import Embedder, Vector, embed_each
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text import analysis
from afterword.workers.text.en import topic_phrases as en
from afterword.workers.text.topic_words import Topic, votes
from afterword.workers.text.zh import topic_phrases as zh

_WITHOUT_MEANING = "hashing"
# Set by hand; the labelled sentences of tests/unit/memories/test_topics.py check what comes of them.
_VOTE = 0.3  # of cosine similarity, for each word
_LEAST = 0.2
_AHEAD = 0.03
"""A vector tells a topic only if it is at least `_LEAST` near to it, and `_AHEAD` nearer than to any other."""
_TEMPERATURE = 0.05  # how much nearer a topic must be to be sure of it: by this much, e times as likely
_DOUBT = 0.5  # of a vote: a single word makes nobody quite sure

_PHRASES: Final = {
    topic: (*en.TOPIC_PHRASES[topic], *zh.TOPIC_PHRASES[topic]) for topic in Topic if topic is not Topic.OTHER
}


@dataclass(frozen=True, slots=True)
class About:
    """A topic, and how sure that is, from 0 to 1; OTHER is never sure."""

    topic: Topic
    confidence: float


_NOTHING = About(Topic.OTHER, 0.0)


class Topics:
    """Tells topics by the vectors of one embedder. Thread-safe."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._by_words = embedder.identity.provider == _WITHOUT_MEANING
        self._lock = threading.Lock()
        self._prototypes: NDArray[np.float64] | None = None

    def prepare(self) -> None:
        """Embed the prototypes, where that is needed and not done; what comes after costs a small matrix product.

        Raises: EmbeddingFailed.
        """
        if not self._by_words:
            self._prepared()

    def _prepared(self) -> NDArray[np.float64]:
        with self._lock:
            if self._prototypes is None:
                self._prototypes = _prototypes(self._embedder)
            return self._prototypes

    def about(self, text: str, vector: Vector | None) -> About:
        """The topic of a text with this vector; without a vector, by its words alone.

        Raises: EmbeddingFailed, when the prototypes cannot be embedded; see `prepare`.
        """
        spoken = votes(analysis.terms(text))
        if vector is None or self._by_words:
            return _by_words(spoken)
        return self._nearest(spoken, vector)

    def labelled(
        self, memories: Sequence[tuple[StoredMemory, Vector | None]]
    ) -> list[tuple[StoredMemory, Vector | None]]:
        """The memories, each with its topic. Raises: EmbeddingFailed."""
        return [
            (replace(memory, topic=self.about(memory.text, vector).topic.value), vector) for memory, vector in memories
        ]

    def _nearest(self, spoken: dict[Topic, float], vector: Vector) -> About:
        similar = self._prepared() @ _normal(vector)
        # A word of a topic decides even where the vector does not.
        if not spoken and _tells_nothing(similar):
            return _NOTHING
        scores = {
            topic: float(near) + _VOTE * spoken.get(topic, 0.0) for topic, near in zip(_PHRASES, similar, strict=True)
        }
        best = max(scores, key=lambda topic: scores[topic])
        return About(best, 1 / sum(exp((score - scores[best]) / _TEMPERATURE) for score in scores.values()))


def _prototypes(embedder: Embedder) -> NDArray[np.float64]:
    """One row a topic, in their order."""
    phrases = [phrase for group in _PHRASES.values() for phrase in group]
    vectors = dict(zip(phrases, embed_each(embedder, phrases), strict=True))
    known = [[vector for phrase in group if (vector := vectors[phrase]) is not None] for group in _PHRASES.values()]
    # A topic none of whose phrases is taken is near to nothing.
    nothing = np.zeros(embedder.identity.dimensions)
    return np.array([_normal(np.mean([_normal(v) for v in group], axis=0)) if group else nothing for group in known])


def _by_words(spoken: dict[Topic, float]) -> About:
    if not spoken:
        return _NOTHING
    best = max(spoken, key=lambda topic: spoken[topic])
    return About(best, spoken[best] / (sum(spoken.values()) + _DOUBT))


def _tells_nothing(similar: NDArray[np.float64]) -> bool:
    second, first = np.sort(similar)[-2:]
    return bool(first < _LEAST or first - second < _AHEAD)


def _normal(vector: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(array))
    return array / length if length > 0 else array
