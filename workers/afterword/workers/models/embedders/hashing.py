"""An embedder without a model: words and their parts, hashed. Deterministic on every machine.

It knows nothing of meaning: "car" and "automobile" are strangers to it. Inflected, misspelt and compound words are
near each other, in any script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.text import analysis

_WORDS_CACHED = 20_000
_GRAM_SIZES = (3, 4)
_GRAMS_SHARE = 0.5  # of a word's weight; the rest is the whole word's
_PAIR_WEIGHT = 0.8  # pairs of unparted scripts overlap, so that each says less than a word
_Contribution = tuple[NDArray[np.intp], NDArray[np.float64]]


class HashingEmbedder:
    """Signed feature hashing of stemmed words and character n-grams; vectors have length 1."""

    def __init__(self, dimensions: int = 512) -> None:
        # The 1 is the version of this scheme. Vectors of another do not compare, so a change needs a new name.
        self._identity = EmbedderIdentity("hashing", "words-and-grams-1", dimensions)
        self._contribution = lru_cache(_WORDS_CACHED)(self._hashed)

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text. Texts without any term, such as "" or emoji, are near those of the same characters."""
        return [self._embedded(text) for text in texts]

    def _embedded(self, text: str) -> Vector:
        counts = Counter(analysis.terms(text) or [text.strip().casefold()])
        parts = [self._contribution(term) for term in counts]
        features = np.concatenate([indexes for indexes, _ in parts])
        values = np.concatenate(
            [values * (1 + log(count)) for (_, values), count in zip(parts, counts.values(), strict=True)]
        )
        vector = np.bincount(features, values, minlength=self._identity.dimensions)
        length = sqrt(float(vector @ vector))
        if length == 0:  # features may cancel out; the zero vector has no direction
            vector[0] = length = 1.0
        normal: Vector = (vector / length).tolist()
        return normal

    def _hashed(self, term: str) -> _Contribution:
        features = list(_features(term))
        # Not `hash`: it differs from process to process.
        digests = [int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) for name, _ in features]
        # Random signs, so that features which fall on one place cancel out on average instead of adding up.
        signs = [1.0 if digest >> 63 else -1.0 for digest in digests]
        values = [sign * weight for sign, (_, weight) in zip(signs, features, strict=True)]
        return np.array([digest % self._identity.dimensions for digest in digests]), np.array(values)


def _features(term: str) -> Iterator[tuple[str, float]]:
    """Names and weights: the word itself, and its character n-grams with the ends marked."""
    if len(term) <= 2:
        yield term, 1.0 if term.isascii() else _PAIR_WEIGHT
        return
    # Roots, so that the squares of a word's weights add up to 1, whatever its length.
    yield term, sqrt(1 - _GRAMS_SHARE)
    marked = f"^{term}$"
    grams = [marked[start : start + size] for size in _GRAM_SIZES for start in range(len(marked) - size + 1)]
    for gram in grams:
        yield f"gram:{gram}", sqrt(_GRAMS_SHARE / len(grams))
