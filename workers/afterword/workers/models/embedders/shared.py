"""A cache of vectors in Redis that all workers share: a question that one embedded is not embedded by another.

Keys hold a hash of the text, values a vector; both expire. Redis is never needed here: when it is away, slow or full,
the embedder does all the work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import numpy as np
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from afterword.schemas.wire import NAMESPACE
from afterword.workers.core.errors import EmbeddingRefused
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.observing.metrics import Metrics

logger = logging.getLogger(__name__)

KEY_PREFIX: Final = f"{NAMESPACE}:embedding:"

_TIMEOUT = 0.1
"""Seconds: a Redis that takes longer costs more than it saves."""
_PAUSE = 5.0
"""Seconds in which a Redis that failed is not asked again."""
_ROOM = 0.5
"""The share of its memory up to which Redis is filled: messages need the rest, and nothing is evicted for them."""
_LOOK = 10.0
"""Seconds after which Redis is asked again whether it has room."""
# Little-endian on every host: workers on different machines read each other's vectors.
_FLOAT: Final = np.dtype("<f4")


def cache_client(redis_url: str) -> redis.Redis:
    """A client that gives up soon and does not try again."""
    return redis.Redis.from_url(
        redis_url,
        # As the broker's connections: no HELLO to set up with each one.
        protocol=2,
        socket_connect_timeout=_TIMEOUT,
        socket_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


class SharedEmbedder:
    """Asks Redis first, then the embedder, whose vectors it keeps in Redis for `seconds`. Thread-safe.

    Vectors from Redis are rounded to 32 bits.
    """

    def __init__(self, inner: Embedder, client: redis.Redis, seconds: int, metrics: Metrics) -> None:
        self._inner = inner
        self._client = client
        self._seconds = seconds
        self._found = metrics.embedder_texts.labels("redis")
        self._paused_until = float("-inf")
        self._looked_at = float("-inf")
        self._has_room = False

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, with at most one call to the inner embedder.

        Raises: EmbeddingRefused, EmbeddingFailed.
        """
        identity = self.identity
        keys = {text: _key(identity, text) for text in texts}
        known = self._kept(keys, identity.dimensions)
        missing = [text for text in keys if text not in known]
        self._found.inc(sum(text in known for text in texts))
        if missing:
            try:
                vectors: Sequence[Vector | None] = self._inner.embed(missing)
            except EmbeddingRefused as refused:
                known |= self._fresh(keys, missing, refused.vectors)
                raise EmbeddingRefused(str(refused), [known.get(text) for text in texts]) from None
            known |= self._fresh(keys, missing, vectors)
        return [known[text] for text in texts]

    def _fresh(
        self, keys: Mapping[str, str], texts: Sequence[str], vectors: Sequence[Vector | None]
    ) -> dict[str, Vector]:
        """Puts the new vectors into Redis, and returns them by text."""
        fresh = {text: vector for text, vector in zip(texts, vectors, strict=True) if vector is not None}
        self._keep({keys[text]: vector for text, vector in fresh.items()})
        return fresh

    def _kept(self, keys: Mapping[str, str], dimensions: int) -> dict[str, Vector]:
        """The vectors that Redis has, by text."""
        if not keys or self._is_paused():
            return {}
        try:
            values: Any = self._client.mget(list(keys.values()))
        except redis.RedisError as error:
            self._pause(error)
            return {}
        read = {text: _vector(value, dimensions) for text, value in zip(keys, values, strict=True)}
        return {text: vector for text, vector in read.items() if vector is not None}

    def _keep(self, vectors: Mapping[str, Vector]) -> None:
        if self._is_paused():
            return
        try:
            if self._room():
                with self._client.pipeline(transaction=False) as pipe:
                    for key, vector in vectors.items():
                        pipe.set(key, np.asarray(vector, dtype=_FLOAT).tobytes(), ex=self._seconds)
                    pipe.execute()
        except redis.RedisError as error:
            self._pause(error)

    def _room(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK:
            memory: Any = self._client.info("memory")
            most = int(memory["maxmemory"])
            # Redis says 0 when it has no limit.
            self._has_room = most == 0 or int(memory["used_memory"]) < _ROOM * most
            self._looked_at = now
        return self._has_room

    def _is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def _pause(self, error: redis.RedisError) -> None:
        # Its class only: its message may hold the command.
        logger.warning("questions are embedded without Redis for %g s: %s", _PAUSE, type(error).__name__)
        self._paused_until = time.monotonic() + _PAUSE


def _key(identity: EmbedderIdentity, text: str) -> str:
    # With the embedder, so that another model's vectors are never taken for its own.
    return f"{KEY_PREFIX}{_hash(str(identity))[:16]}:{_hash(text)}"


def _hash(text: str) -> str:
    # Half of an emoji, which no UTF-8 has, is a text here all the same.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _vector(value: bytes | None, dimensions: int) -> Vector | None:
    """The vector in a value; None unless it is a vector of so many dimensions."""
    if value is None or len(value) != dimensions * _FLOAT.itemsize:
        return None
    vector = np.frombuffer(value, dtype=_FLOAT)
    return vector.tolist() if np.isfinite(vector).all() else None
