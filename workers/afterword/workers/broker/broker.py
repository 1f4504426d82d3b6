"""The broker that Dramatiq works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware
from redis.exceptions import RedisError

from afterword.schemas import wire
from afterword.workers.broker.admin import QueueAdmin
from afterword.workers.broker.clock import ServerClock
from afterword.workers.broker.consumer import MendedConsumer
from afterword.workers.broker.received import Held
from afterword.workers.broker.transport import Pace, Transport, is_delay_queue


class MendedBroker(RedisBroker):
    """Dramatiq's Redis broker and key layout, with a script and the mends that the package's docstring lists.

    Thread-safe.
    """

    def __init__(
        self, client: redis.Redis, *, middleware: Sequence[Middleware], pace: Pace, gate: Callable[[], bool]
    ) -> None:
        RedisBroker.__init__(
            self,
            client=client,
            middleware=list(middleware),
            namespace=wire.NAMESPACE,
            heartbeat_timeout=pace.heartbeat_timeout_ms,
            dead_message_ttl=pace.dead_message_ttl_ms,
            maintenance_chance=0,
        )
        self.transport = Transport(client, worker_id=self.broker_id, pace=pace)
        self.admin = QueueAdmin(client, self.transport)
        """The queues for services, which need no broker."""
        self.gate = gate
        """Asked before each fetch; while it says False nothing is taken."""
        self._held: dict[str, Held] = {}

    @property
    def clock(self) -> ServerClock:
        """The time on which all workers agree."""
        return self.transport.clock

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> MendedConsumer:  # noqa: ARG002 - Dramatiq's
        """A consumer of the queue. `timeout` is Dramatiq's idle sleep, which the bell replaces."""
        held = self.held(queue_name)
        if is_delay_queue(queue_name):
            # The consumer thread has just let go of all that it held of a delay queue; reconciling brings it back.
            held.clear()
        # The gate is looked up each time, since `take_no_more` replaces it.
        return MendedConsumer(
            self.transport, queue_name=queue_name, prefetch=prefetch, held=held, gate=lambda: self.gate()
        )

    def do_enqueue(self, queue_name: str, message_id: str, encoded: bytes) -> None:
        """Add a message and ring, in one round trip. Raises: dramatiq.errors.ConnectionClosed, on any Redis error."""
        try:
            self.transport.add(queue_name, message_id, encoded)
        except RedisError as error:
            # Its class only: redis-py quotes the failing command, which holds the message.
            raise ConnectionClosed(type(error).__name__) from None

    def held(self, queue_name: str) -> Held:
        """The messages of the queue that this process has in its hands; outlives the queue's consumer."""
        return self._held.setdefault(queue_name, Held())

    def take_no_more(self) -> None:
        """Leave what comes to other workers. A consumer that waits for the bell notices at once, unless another worker
        has waited for it longer: then when its wait is over.
        """
        self.gate = lambda: False
        for queue_name in list(self._held):
            try:
                self.transport.ring(queue_name)
            except RedisError as error:
                self.logger.info("Queue %r could not be rung to stop: %s", queue_name, type(error).__name__)

    def _dispatch(self, command: str) -> Callable[..., Any]:
        # Every `do_…` that Dramatiq calls on its broker comes here.
        return partial(self.transport.dispatch, command)
