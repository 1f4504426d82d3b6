"""What happens to messages, counted by queue."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import dramatiq
from redis.exceptions import RedisError

from afterword.workers.broker.delivery import Delivery
from afterword.workers.broker.mended import MendedBroker
from afterword.workers.observing.metrics import Metrics


class QueueInstruments(dramatiq.Middleware):
    """Counts when Redis has taken it: a retry once it is enqueued, the wait of a message once it is acknowledged."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Note how long it has waited, by Redis's clock."""
        if isinstance(broker, MendedBroker) and isinstance(message, Delivery):
            with suppress(RedisError):
                message.waited = max(broker.clock.now_ms() - message.message_timestamp, 0) / 1000

    def after_process_message(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002 - Dramatiq's signature
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002 - Dramatiq passes it by name
        exception: BaseException | None = None,
    ) -> None:
        """What failed, or was postponed, is not settled."""
        if exception is not None and isinstance(message, Delivery):
            message.waited = None

    def after_ack(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:  # noqa: ARG002
        """It is settled."""
        if isinstance(message, Delivery) and message.waited is not None:
            self._metrics.queue_wait_seconds.labels(message.queue_name).observe(message.waited)

    def after_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None) -> None:
        """Only a retry is enqueued for later."""
        if delay is not None:
            self._metrics.message_retries.labels(broker.get_actor(message.actor_name).queue_name).inc()
