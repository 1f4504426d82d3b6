"""Replies: pushed to the list that a request names, so that nobody waits for nothing."""

from __future__ import annotations

import logging

import redis

from afterword.schemas import Reply
from afterword.schemas.wire import REPLY_TTL_MS

logger = logging.getLogger(__name__)


class Replies:
    """Sends reply envelopes. Thread-safe."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def send(self, reply_to: str, reply: Reply) -> None:
        """Push a reply; it is gone by itself when nobody takes it. Without Redis there is nobody to answer: logged."""
        try:
            with self._client.pipeline(transaction=True) as pipe:
                pipe.rpush(reply_to, reply.model_dump_json(exclude_none=True).encode())
                pipe.pexpire(reply_to, REPLY_TTL_MS)
                pipe.execute()
        except redis.RedisError as error:
            logger.warning("a reply could not be sent: %s", type(error).__name__)
