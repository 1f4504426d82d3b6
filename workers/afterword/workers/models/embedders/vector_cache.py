"""Vectors kept in the memory of a process, in a bounded number of bytes."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afterword.workers.models.embedders.limits import KEPT_BYTES, KEPT_TEXTS
from afterword.workers.models.embedders.port import Vector

_BESIDE: Final = 250
"""Bytes that the entry of a text takes beside its characters and its numbers (`sys.getsizeof` of its parts)."""

StoredVector = NDArray[np.float32]


class VectorCache:
    """Keeps the vectors of the texts used last, as floats of 32 bits. Thread-safe.

    It holds at most `texts` of them, in `max_bytes` of memory. Vector stores keep no more than 32 bits of a number
    either; as Python's floats they would take eight times as much.

    >>> cache = VectorCache(texts=1)
    >>> cache.put({"a cat": [0.5, 0.5]})
    >>> cache.get(["a cat", "a dog"])["a cat"].tolist()
    [0.5, 0.5]
    """

    def __init__(self, *, texts: int = KEPT_TEXTS, max_bytes: int = KEPT_BYTES) -> None:
        self._texts = texts
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, StoredVector] = OrderedDict()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """How much memory its entries take."""
        return self._bytes

    def get(self, texts: Iterable[str]) -> dict[str, StoredVector]:
        """The vectors that are known, by text."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
            for text in known:
                self._vectors.move_to_end(text)
        return known

    def put(self, vectors: Mapping[str, Vector]) -> None:
        """Keep these, and let those go that were not used for longest."""
        stored = {text: np.asarray(vector, dtype=np.float32) for text, vector in vectors.items()}
        with self._lock:
            for text, vector in stored.items():
                self._forget(text)
                self._vectors[text] = vector
                self._bytes += _size(text, vector)
            while self._vectors and (len(self._vectors) > self._texts or self._bytes > self._max_bytes):
                self._forget(next(iter(self._vectors)))

    def _forget(self, text: str) -> None:
        vector = self._vectors.pop(text, None)
        if vector is not None:
            self._bytes -= _size(text, vector)


def _size(text: str, vector: StoredVector) -> int:
    return sys.getsizeof(text) + vector.nbytes + _BESIDE
