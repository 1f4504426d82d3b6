"""Vectors kept in the memory of a process, in a bounded number of bytes."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afterword.workers.models.embedders.limits import KEPT_BYTES, KEPT_TEXTS
from afterword.workers.models.embedders.port import Vector

_BESIDE: Final = 250
"""Bytes that an entry takes beside its key and its numbers (`sys.getsizeof` of its parts)."""

_KEY_CHARACTERS: Final = 256
"""A text of up to so many is its own key. A note of 64 KiB would take ten times the memory of its vector."""

StoredVector = NDArray[np.float32]
_Key = str | bytes


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
        self._vectors: OrderedDict[_Key, StoredVector] = OrderedDict()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """How much memory its entries take."""
        return self._bytes

    def get(self, texts: Iterable[str]) -> dict[str, StoredVector]:
        """The vectors that are known, by text."""
        keys = {text: _key(text) for text in texts}
        with self._lock:
            known = {text: self._vectors[key] for text, key in keys.items() if key in self._vectors}
            for text in known:
                self._vectors.move_to_end(keys[text])
        return known

    def put(self, vectors: Mapping[str, Vector]) -> None:
        """Keep these, and let those go that were not used for longest."""
        stored = {_key(text): np.asarray(vector, dtype=np.float32) for text, vector in vectors.items()}
        with self._lock:
            for key, vector in stored.items():
                # Out and in again: the entry is counted once, and becomes the one used last.
                self._forget(key)
                self._vectors[key] = vector
                self._bytes += _size(key, vector)
            while self._vectors and (len(self._vectors) > self._texts or self._bytes > self._max_bytes):
                self._forget(next(iter(self._vectors)))

    def clear(self) -> None:
        """Let all of them go: their keys may be what somebody said."""
        with self._lock:
            self._vectors.clear()
            self._bytes = 0

    def _forget(self, key: _Key) -> None:
        vector = self._vectors.pop(key, None)
        if vector is not None:
            self._bytes -= _size(key, vector)


def _key(text: str) -> _Key:
    if len(text) <= _KEY_CHARACTERS:
        return text
    # Half of a surrogate pair may stand in a text that a worker was handed.
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()


def _size(key: _Key, vector: StoredVector) -> int:
    return sys.getsizeof(key) + vector.nbytes + _BESIDE
