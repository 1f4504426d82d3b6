"""The broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.redis import _scripts as _stock_scripts
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import CurrentMessage, Middleware
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from afterword.schemas import wire
from afterword.schemas.errors import MemoryUnavailable
from afterword.schemas.values import Model
from afterword.workers.broker.backlog import QueueBacklog, RedisMemory, read_backlog, read_memory
from afterword.workers.broker.clock import RedisClock
from afterword.workers.broker.consumer import BATCH, MendedConsumer, Pace, is_delay_queue
from afterword.workers.broker.delivery import Held
from afterword.workers.broker.log_context import LogContext
from afterword.workers.broker.retries import Retries

_REDIS_WITH_FLAGS = 7
_WHEN_FULL = b"#!lua flags=allow-oom\n"

_WEEK_MS = 7 * 24 * 3600 * 1000

# Only while the message is this worker's: else it would come back after its settling, with nobody to remove it.
_REWRITE = 'if redis.call("sismember", KEYS[1], ARGV[1]) == 1 then redis.call("hset", KEYS[2], ARGV[1], ARGV[2]) end'


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was given up on. `data` is its JSON, with `options.error` where one is known."""

    message_id: str
    data: bytes
    died_at: datetime


def build_broker(
    redis_url: str,
    *,
    middleware: Sequence[Middleware] = (),
    heartbeat_timeout_ms: int = 6000,
    maintenance_interval: float = 1.0,
    poll_interval: float = 1.0,
    reply_timeout: float = 4.0,
    dead_message_ttl_ms: int = _WEEK_MS,
    gate: Callable[[], bool] | None = None,
) -> MendedBroker:
    """A broker on its own connections; `middleware` runs besides the retries.

    Args:
        heartbeat_timeout_ms: the silence after which a worker's messages go to others.
        maintenance_interval: seconds between heartbeats; well below the timeout.
        poll_interval: seconds after which an idle queue is looked at although no bell rang.
        reply_timeout: seconds that Redis may take to answer, a wait for the bell not counted.
        gate: asked before each fetch, must be quick and not raise; while it says False nothing is taken.
    """
    client = redis.Redis.from_url(
        redis_url,
        protocol=2,  # no HELLO and no maintenance notifications to set up with each connection
        socket_connect_timeout=reply_timeout,
        socket_timeout=min(poll_interval, maintenance_interval) + reply_timeout,
        retry=Retry(NoBackoff(), 0),  # a repeated fetch would strand what the first one took
    )
    return MendedBroker(
        client,
        middleware=[LogContext(), Retries(), CurrentMessage(), *middleware],
        heartbeat_timeout=heartbeat_timeout_ms,
        dead_message_ttl=dead_message_ttl_ms,
        pace=Pace(maintenance_interval, poll_interval),
        gate=gate or (lambda: True),
    )


class MendedBroker(RedisBroker):
    """Dramatiq's Redis broker and key layout, with the mends that the package's docstring lists. Thread-safe."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        middleware: list[Middleware],
        heartbeat_timeout: int,
        dead_message_ttl: int,
        pace: Pace,
        gate: Callable[[], bool],
    ) -> None:
        RedisBroker.__init__(
            self,
            client=client,
            middleware=middleware,
            namespace=wire.NAMESPACE,
            heartbeat_timeout=heartbeat_timeout,
            dead_message_ttl=dead_message_ttl,
            maintenance_chance=0,
        )
        self.pace = pace
        self.gate = gate
        self.clock = RedisClock(client)
        self._held: dict[str, Held] = {}
        self._broken_bells: set[str] = set()
        self._script: Script | None = None

    # What Dramatiq calls.

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> MendedConsumer:  # noqa: ARG002 - Dramatiq's
        """A consumer of the queue. `timeout` is Dramatiq's idle sleep, which the bell replaces."""
        if is_delay_queue(queue_name):
            # The consumer thread has just let go of all that it held of a delay queue; reconciling brings it back.
            self.held(queue_name).clear()
        return MendedConsumer(self, queue_name, prefetch)

    def do_enqueue(self, queue_name: str, message_id: str, encoded: bytes) -> None:
        """Add a message and ring, in one round trip. Raises: dramatiq.errors.ConnectionClosed, on any Redis error."""
        commands = [
            ("HSET", wire.messages_key(queue_name), message_id, encoded),
            ("RPUSH", wire.queue_key(queue_name), message_id),
        ]
        try:
            self._add(queue_name, commands)
        except RedisError as error:
            # Its class only: redis-py quotes the failing command, which holds the message.
            raise ConnectionClosed(type(error).__name__) from None

    def _dispatch(self, command: str) -> Callable[..., Any]:
        return partial(self.dispatch, command)

    # What roles call.

    def take_no_more(self) -> None:
        """Leave what comes to other workers. A consumer that waits for the bell notices at once, unless another worker
        has waited for it longer: then when its wait is over.
        """
        self.gate = lambda: False
        for queue_name in list(self._held):
            try:
                self.ring(queue_name)
            except RedisError as error:
                self.logger.info("Queue %r could not be rung to stop: %s", queue_name, type(error).__name__)

    # What services call.

    def enqueue_body(self, queue: wire.Queue, body: Model) -> str:
        """Enqueue `body` for the queue's actor, in one round trip. Returns the message's id.

        Raises: MemoryUnavailable.
        """
        message_id = uuid4().hex
        encoded = wire.encode_message(queue, body, now_ms=int(time.time() * 1000), message_id=message_id)
        self.enqueue_encoded(queue.value, message_id, encoded)
        return message_id

    def enqueue_encoded(self, queue: str, message_id: str, encoded: bytes) -> None:
        """Enqueue a message that is encoded already. Raises: MemoryUnavailable."""
        with _redis_needed():
            self.do_enqueue(queue, message_id, encoded)

    def queue_length(self, queue: str) -> int:
        """How many messages wait, those in work and those delayed not counted. Raises: MemoryUnavailable."""
        with _redis_needed():
            return int(self.client.llen(wire.queue_key(queue)))

    def backlog(self, queue: str) -> QueueBacklog:
        """What stands in the queue. Raises: MemoryUnavailable."""
        with _redis_needed():
            return read_backlog(self.client, queue, self.clock.now_ms())

    def memory(self) -> RedisMemory:
        """What memory Redis takes. Raises: MemoryUnavailable."""
        with _redis_needed():
            return read_memory(self.client)

    def dead_messages(self, queue: str, limit: int) -> list[DeadMessage]:
        """The queue's dead messages, oldest first. Raises: MemoryUnavailable."""
        with _redis_needed():
            died: Any = self.client.zrange(_dead_key(queue), 0, limit - 1, withscores=True)
            data = self.client.hmget(f"{_dead_key(queue)}.msgs", [message_id for message_id, _ in died]) if died else []
        return [
            DeadMessage(message_id.decode(errors="replace"), encoded or b"", datetime.fromtimestamp(at / 1000, UTC))
            for (message_id, at), encoded in zip(died, data, strict=True)
        ]

    def forget_dead(self, queue: str, ids: Collection[str]) -> None:
        """Remove dead messages for good. Raises: MemoryUnavailable."""
        if not ids:
            return
        with _redis_needed(), self.client.pipeline() as pipe:
            pipe.zrem(_dead_key(queue), *ids)
            pipe.hdel(f"{_dead_key(queue)}.msgs", *ids)
            pipe.execute()

    def messages(self, queue: str) -> Iterator[tuple[str, bytes]]:
        """Every message of a queue with its id: waiting, in work, delayed or dead. Raises: MemoryUnavailable."""
        with _redis_needed():
            for key in _message_keys(queue):
                for message_id, data in self.client.hscan_iter(key):
                    yield message_id.decode(errors="replace"), data

    def drop(self, queue: str, ids: Collection[str]) -> int:
        """Take messages out of a queue, wherever in it they are; how many were there. Raises: MemoryUnavailable.

        Their places in the queue stay, and are passed over. What a worker has in its hands is not stopped.
        """
        if not ids:
            return 0
        with _redis_needed(), self.client.pipeline() as pipe:
            for key in _message_keys(queue):
                pipe.hdel(key, *ids)
            pipe.zrem(_dead_key(queue), *ids)
            return sum(int(count) for count in pipe.execute()[:-1])

    # What consumers call; all raise redis.RedisError.

    def held(self, queue_name: str) -> Held:
        """What this process holds of the queue; outlives the queue's consumer."""
        return self._held.setdefault(queue_name, Held())

    def dispatch(self, command: str, queue_name: str, *arguments: Any, maintenance: bool = False) -> Any:
        """Run Dramatiq's script: a heartbeat, maintenance if asked for, then the command if the script knows it."""
        script = self._draining_script()
        return script(keys=[self.namespace], args=self._arguments(command, queue_name, arguments, maintenance))

    def listen_and_fetch(self, queue_name: str, room: int, seconds: float) -> list[bytes | None]:
        """Wait for the bell, at most `seconds`, then fetch: two commands sent at once.

        Redis runs the second as soon as the first is served, which saves the way back and forth in between.
        """
        arguments = self._arguments("fetch", queue_name, (room,), maintenance=False)
        with self.client.pipeline(transaction=False) as pipe:
            pipe.execute_command("BLPOP", wire.bell_key(queue_name), seconds)
            pipe.execute_command("EVALSHA", self._draining_script().sha, 1, self.namespace, *arguments)
            rung, found = pipe.execute(raise_on_error=False)
        self._note_bell(queue_name, rung)
        if isinstance(found, RedisError):
            raise found
        return list(found)

    def ring(self, queue_name: str) -> None:
        """Wake one idle worker of the queue; a delay queue has no bell."""
        if is_delay_queue(queue_name):
            return
        with self.client.pipeline() as pipe:
            for command in wire.ring_commands(queue_name):
                pipe.execute_command(*command)
            try:
                pipe.execute()
            except ResponseError as error:
                self._note_bell(queue_name, error)

    def requeue(self, queue_name: str, ids: Collection[bytes]) -> None:
        """Put messages back at the end of their queue, and ring."""
        self.dispatch("requeue", queue_name, *ids)
        self.ring(queue_name)

    def unacknowledged(self, queue_name: str) -> set[bytes]:
        """The ids that Redis believes to be in this process's hands."""
        return set(self.client.smembers(self._acks_key(queue_name)))

    def read(self, queue_name: str, ids: Sequence[bytes]) -> list[bytes | None]:
        """The messages with these ids, None where there is none."""
        return list(self.client.hmget(wire.messages_key(queue_name), ids))

    def rewrite(self, queue_name: str, redis_id: bytes, encoded: bytes) -> None:
        """Replace a message that is in this process's hands."""
        keys = (self._acks_key(queue_name), wire.messages_key(queue_name))
        self.client.eval(_REWRITE, len(keys), *keys, redis_id, encoded)

    def bell_works(self, queue_name: str) -> bool:
        """Whether the queue's bell did not fail when it was last tried."""
        return queue_name not in self._broken_bells

    def _draining_script(self) -> Script:
        """Dramatiq's script, which on Redis 7 and later may run in a full Redis: else nobody could make room in it.

        Before Redis 7 a script cannot say so; then a full Redis waits for memory.
        """
        if self._script is None:
            version = str(dict(self.client.info("server"))["redis_version"])
            flagged = _WHEN_FULL + _stock_scripts["dispatch"]
            runs_flagged = int(version.split(".")[0]) >= _REDIS_WITH_FLAGS
            self._script = self.client.register_script(flagged) if runs_flagged else self.scripts["dispatch"]
        return self._script

    def _add(self, queue_name: str, commands: list[tuple[Any, ...]]) -> None:
        ring = [] if is_delay_queue(queue_name) else wire.ring_commands(queue_name)
        try:
            replies = self._transaction([*commands, *ring])
        except NoPermissionError:
            # If it is the bell that is forbidden, the message must get through without.
            replies = self._transaction(commands)
        for reply in replies[: len(commands)]:
            if isinstance(reply, RedisError):
                raise reply

    def _transaction(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        with self.client.pipeline() as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return pipe.execute(raise_on_error=False)

    def _note_bell(self, queue_name: str, reply: object) -> None:
        if not isinstance(reply, RedisError):
            if queue_name in self._broken_bells:
                self._broken_bells.discard(queue_name)
                self.logger.info("The bell of queue %r works again.", queue_name)
        elif queue_name not in self._broken_bells:
            self._broken_bells.add(queue_name)
            self.logger.warning("The bell of queue %r fails, polling instead: %s", queue_name, reply)

    def _arguments(self, command: str, queue_name: str, arguments: tuple[Any, ...], maintenance: bool) -> list[Any]:
        return [
            command,
            self.clock.now_ms(),
            queue_name,
            self.broker_id,
            self.heartbeat_timeout,
            self.dead_message_ttl,
            int(maintenance),
            BATCH,
            *arguments,
        ]

    def _acks_key(self, queue_name: str) -> str:
        return f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}"


def _message_keys(queue: str) -> list[str]:
    return [wire.messages_key(name) for name in (queue, f"{queue}.DQ", f"{queue}.XQ")]


def _dead_key(queue: str) -> str:
    return f"{wire.queue_key(queue)}.XQ"


@contextmanager
def _redis_needed() -> Iterator[None]:
    try:
        yield
    except (RedisError, ConnectionClosed) as error:
        raise MemoryUnavailable(f"Redis: {type(error).__name__}") from error
