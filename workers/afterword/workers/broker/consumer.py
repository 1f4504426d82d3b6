"""A queue's consumer: wakes by the bell, and survives whatever Redis does."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.common import compute_backoff
from dramatiq.errors import ConnectionClosed
from redis.exceptions import RedisError

from afterword.workers.broker.received import Held, ReceivedMessage, read_received
from afterword.workers.broker.transport import BATCH, Fetched, Transport, is_delay_queue

MOST_BYTES = 2 * 1024 * 1024
"""Of messages in hand, one that is larger by itself excepted. What is made of a conversation, its excerpts and their
vectors, takes some fifty times its size: with two of 1 MiB a worker stays within the 288 MB that Compose gives it."""

UNREADABLE = "the message cannot be read"

GATE_SECONDS = 0.2  # how soon an opened gate, or a delayed message that is due, is noticed
_REST_SECONDS = 0.5  # after a postponed message: whatever failed needs a moment
_ERROR_SECONDS = (0.1, 1.0)  # the first and the longest pause while Redis is away
_HEAD_START_SECONDS = 0.0005  # `python -m ops.bench context`: a thread wakes and has the interpreter in a third of it


class MendedConsumer(Consumer):
    """Iterated by one thread of Dramatiq's worker; `ack` and `nack` come from all of them.

    What keeps wake-ups from being lost: while a queue is not empty, its bell holds a token, or a consumer that took
    the token has yet to fetch. So who fetches all that it asked for, and may have left some, rings again; and who has
    no room leaves the bell alone.
    """

    def __init__(
        self, transport: Transport, *, queue_name: str, prefetch: int, held: Held, gate: Callable[[], bool]
    ) -> None:
        self.logger = logging.getLogger(__name__)
        self._transport = transport
        self._queue = queue_name
        self._held = held
        self._gate = gate
        self._prefetch = prefetch
        # Prefetched is twice what threads work on: with less room than this they have work, and to fetch messages one
        # by one, as each is settled, would cost as much as some of them.
        self._least_room = max(prefetch // 4, 1)
        self._cache: deque[ReceivedMessage] = deque()
        self._may_have_left, self._blocked = True, False
        self._maintain_at = self._reconcile_at = self._rest_until = 0.0
        self._failures = self._misses = 0
        self.looked_at = time.monotonic()
        """When it was last asked for a message."""

    # What Dramatiq's threads call.

    def __next__(self) -> ReceivedMessage | None:
        """The next message; None after a bounded wait without one. Never raises on what Redis does."""
        self.looked_at = time.monotonic()
        if not self._cache:
            try:
                self._advance()
            except RedisError as error:
                self._back_off(error)
        return self._cache.popleft() if self._cache else None

    def ack(self, message: MessageProxy) -> None:
        """Settle a message that is done, or put it back if it was postponed. Raises: ConnectionClosed."""
        if message.postponed:
            self._rest_until = time.monotonic() + _REST_SECONDS
            self._put_back([message.redis_id])
        else:
            self._settle("ack", message.redis_id)

    def nack(self, message: MessageProxy) -> None:
        """Dead-letter a message, with its error. Raises: ConnectionClosed."""
        self._settle("nack", message.redis_id, rewritten=message.encode())

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Put messages back at the end of their queue."""
        self._put_back([message.redis_id for message in messages])

    def close(self) -> None:
        """Put back what was fetched but not handed out."""
        self._put_back([message.redis_id for message in self._cache])
        self._cache.clear()

    # One step: wait, fetch or reconcile; each bounded, so that the thread can stop.

    def _advance(self) -> None:
        if time.monotonic() >= self._reconcile_at:
            self._reconcile()
        room = self._prefetch - len(self._held)
        if not self._is_open():
            self._heartbeat()
            time.sleep(GATE_SECONDS)
        elif room < self._least_room:
            self._heartbeat()
            self._held.wait_below(self._prefetch - self._least_room + 1, self._until_maintenance())
        elif self._blocked:
            self._wait_for_room()
        else:
            self._fetch(min(room, BATCH))
        self._recovered()

    def _is_open(self) -> bool:
        return time.monotonic() >= self._rest_until and self._gate()

    def _wait_for_room(self) -> None:
        """The next message is too large for the bytes there are, or may have killed its worker and is taken alone."""
        self._heartbeat()
        if len(self._held):
            self._held.wait_below(len(self._held), self._until_maintenance())
        else:
            self._reconcile()  # what blocks is in our hands in Redis only
        self._blocked = False

    def _room_bytes(self) -> int:
        return max(MOST_BYTES - self._held.size, 0)

    def _fetch(self, room: int) -> None:
        maintenance = self._maintenance_is_due()
        if maintenance or self._may_have_left:
            self._take(self._transport.fetch(self._queue, room, self._room_bytes(), maintenance=maintenance))
        elif is_delay_queue(self._queue):
            time.sleep(min(GATE_SECONDS, self._until_maintenance()))
        else:
            self._listen(room)

    def _listen(self, room: int) -> None:
        # Whoever was just handed a message needs the interpreter, which preparing the next wait would keep from them.
        self._held.wait_below(1, _HEAD_START_SECONDS)
        wait = min(self._transport.pace.poll, self._until_maintenance())
        self._take(self._transport.listen_and_fetch(self._queue, room, self._room_bytes(), wait))
        if not self._gate():
            self.close()  # it shut while we listened
        elif self._cache or self._transport.bell_works(self._queue):
            self._misses = 0
        else:
            self._misses, pause_ms = compute_backoff(self._misses, max_backoff=int(self._transport.pace.poll * 1000))
            time.sleep(pause_ms / 1000)

    def _take(self, found: Fetched) -> None:
        read = [read_received(redis_id, data, self._queue) for redis_id, data in found.messages]
        readable = [message for message in read if message is not None]
        self._held.add(readable)
        self._cache.extend(readable)
        if len(readable) < len(read):
            self._reconcile_at = 0.0  # finds the others, and sets them aside
        self._may_have_left, self._blocked = found.left > 0, found.blocked
        if self._may_have_left:
            self._transport.ring(self._queue)

    # Heartbeats.

    def _until_maintenance(self) -> float:
        return max(self._maintain_at - time.monotonic(), 0.01)

    def _maintenance_is_due(self) -> bool:
        now = time.monotonic()
        if now < self._maintain_at:
            return False
        self._maintain_at = now + self._transport.pace.maintenance
        return True

    def _heartbeat(self) -> None:
        if self._maintenance_is_due():
            self._transport.dispatch("heartbeat", self._queue, maintenance=True)
            # It may have brought back a dead worker's messages, which somebody else has room for.
            self._transport.ring(self._queue)

    # Settling, and what is left when that fails.

    def _settle(self, command: str, redis_id: bytes, *, rewritten: bytes | None = None) -> None:
        try:
            if rewritten is not None:
                self._transport.rewrite(self._queue, redis_id, rewritten)
            self._transport.dispatch(command, self._queue, redis_id)
        except RedisError as error:
            raise ConnectionClosed(type(error).__name__) from None
        self._held.settle(redis_id)

    def _put_back(self, ids: Collection[bytes]) -> None:
        if not ids:
            return
        # Let go first: once it is back, this very process may be handed it again.
        self._held.discard(ids)
        try:
            self._transport.requeue(self._queue, ids)
        except RedisError as error:
            self._reconcile_at = 0.0
            self.logger.warning("%d messages of queue %r go back later: %s", len(ids), self._queue, error)

    def _reconcile(self) -> None:
        """Put back the messages that Redis believes to be in our hands, and that are not.

        A fetch whose reply was lost leaves messages that nobody holds. One that cannot be read is set aside as dead.
        Redis may run a lost fetch late, so this is also done now and then without cause.
        """
        self._reconcile_at = time.monotonic() + self._transport.pace.heartbeat_timeout_ms / 1000
        stranded = self._held.not_among(self._transport.unacknowledged(self._queue))
        if stranded:
            data = dict(zip(stranded, self._transport.read(self._queue, stranded), strict=True))
            unreadable = [redis_id for redis_id in stranded if self._is_unreadable(redis_id, data[redis_id])]
            for redis_id in unreadable:
                self._transport.dispatch("nack", self._queue, redis_id, UNREADABLE)
                self._transport.tell_aside(self._queue, redis_id, UNREADABLE)
            self._put_back([redis_id for redis_id in stranded if redis_id not in unreadable])

    def _is_unreadable(self, redis_id: bytes, data: bytes | None) -> bool:
        if data is None:
            return False  # settled meanwhile, or never there: putting it back just drops the id
        return read_received(redis_id, data, self._queue) is None

    def _back_off(self, error: RedisError) -> None:
        if not self._failures:
            self.logger.warning("Redis failed queue %r, trying again: %s: %s", self._queue, type(error).__name__, error)
        first, longest = _ERROR_SECONDS
        time.sleep(min(first * 2**self._failures, longest))
        self._failures = min(self._failures + 1, 10)
        self._reconcile_at = 0.0
        self._may_have_left = True  # the token may be lost: do not wait for another

    def _recovered(self) -> None:
        if self._failures:
            self.logger.info("Redis serves queue %r again.", self._queue)
            self._failures = 0
