"""A thread that plays a worker: takes messages of one queue as they travel, and replies as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import redis
from pydantic import BaseModel

from afterword.schemas.catalogue import parse_command
from afterword.schemas.context import ContextRequest, Request
from afterword.schemas.reply import ErrorBody, Reply
from afterword.schemas.wire import ACTORS, REPLY_TTL_MS, Queue, messages_key, queue_key

Answer = Callable[[Any], BaseModel | ErrorBody | None]


def take(client: redis.Redis, queue: Queue, wait: float) -> dict[str, Any] | None:
    """The next message of a queue, decoded; None when none came in `wait` seconds."""
    popped: Any = client.blpop([queue_key(queue)], timeout=wait)
    if popped is None:
        return None
    message_id = popped[1]
    encoded: Any = client.hget(messages_key(queue), message_id)
    client.hdel(messages_key(queue), message_id)
    message: dict[str, Any] = json.loads(encoded)
    assert message["queue_name"] == queue.value
    assert message["actor_name"] == ACTORS[queue]
    return message


def drain(url: str, queue: Queue = Queue.CONVERSATIONS) -> list[dict[str, Any]]:
    """The bodies of all messages of a queue, in its order; each message once, however often it was sent."""
    with redis.Redis.from_url(url) as client:
        ids: Any = client.lrange(queue_key(queue), 0, -1)
        stored: Any = client.hgetall(messages_key(queue))
    return [json.loads(stored[message_id])["args"][0] for message_id in dict.fromkeys(ids)]


class FakeWorker:
    """Answers the requests of a queue with `answer(request)`: a result, an error, or None for silence.

    `requests` holds what came, parsed by the contract.
    """

    def __init__(self, url: str, queue: Queue, answer: Answer) -> None:
        self.requests: list[Request] = []
        self._client = redis.Redis.from_url(url)
        self._queue = queue
        self._answer = answer
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(10)
        self._client.close()

    def _run(self) -> None:
        while not self._over.is_set():
            message = take(self._client, self._queue, wait=0.05)
            if message is not None:
                self._reply(message["args"][0])

    def _reply(self, body: dict[str, Any]) -> None:
        request: Any = ContextRequest.parse(body) if self._queue is Queue.CONTEXT else parse_command(body)
        self.requests.append(request)
        answer = self._answer(request)
        if answer is None:
            return
        if isinstance(answer, ErrorBody):
            reply = Reply(request_id=request.request_id, ok=False, error=answer)
        else:
            reply = Reply(request_id=request.request_id, ok=True, result=answer.model_dump(mode="json"))
        with self._client.pipeline() as pipeline:
            pipeline.rpush(request.reply_to, reply.model_dump_json())
            pipeline.pexpire(request.reply_to, REPLY_TTL_MS)
            pipeline.execute()
