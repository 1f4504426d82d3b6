"""Middleware around each message: retries, log context, and figures by queue."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import dramatiq
from dramatiq.common import compute_backoff
from dramatiq.errors import Retry
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars, clear_contextvars

from afterword.schemas.values import DEFAULT_TENANT
from afterword.workers.broker.broker import MendedBroker
from afterword.workers.broker.received import DEFERRED, RETRIES, Deferred, ReceivedMessage
from afterword.workers.core.ids import pseudonym
from afterword.workers.observing.metrics import Metrics

MAX_RETRIES = 3
MIN_BACKOFF_MS = 500
MAX_BACKOFF_MS = 30_000

_LONGEST = 200
"""Characters of an id that is worth a place in each line; more is no id."""


class Retries(dramatiq.middleware.Retries):
    """Dramatiq's retries, few and soon, with three differences.

    A message is acknowledged only when its retry is safely in Redis, else it is dead-lettered. It carries the error's
    class and message instead of a traceback. One that is deferred comes again without burning an attempt. Per actor,
    never per message: `max_retries`, `min_backoff`, `max_backoff`, `throws`.
    """

    def __init__(self) -> None:
        super().__init__(max_retries=MAX_RETRIES, min_backoff=MIN_BACKOFF_MS, max_backoff=MAX_BACKOFF_MS)

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002 - Dramatiq passes it by name
        exception: BaseException | None = None,
    ) -> None:
        """Enqueue the message again, later; or let it fail."""
        if exception is None or message.postponed:
            return
        # Dramatiq swallows what is raised here and acknowledges the message, so it counts as failed until its
        # retry is in Redis.
        message.fail()
        options = broker.get_actor(message.actor_name).options
        throws = options.get("throws")
        retries = message.options.get(RETRIES, 0)
        if isinstance(exception, Deferred):
            again = {DEFERRED: True}
        elif (throws and isinstance(exception, throws)) or retries >= options.get("max_retries", self.max_retries):
            return
        else:
            again = {RETRIES: retries + 1}
        broker.enqueue(message.copy(options=again), delay=self._delay_ms(exception, retries, options))
        message.failed = False

    def _delay_ms(self, exception: BaseException, retries: int, options: dict[str, Any]) -> int:
        if isinstance(exception, Retry) and exception.delay is not None:
            return exception.delay
        return compute_backoff(
            retries,
            factor=options.get("min_backoff", self.min_backoff),
            max_backoff=options.get("max_backoff", self.max_backoff),
        )[1]


class LogContext(dramatiq.Middleware):
    """Binds the actor, the message, which attempt it is, and of its body: tenant, subject (hashed) and event."""

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:  # noqa: ARG002
        """Bind them, after dropping those of an earlier message of this thread."""
        clear_contextvars()
        body = message.args[0] if isinstance(message.args, list | tuple) and message.args else None
        attempt = message.options.get(RETRIES, 0) + 1
        bind_contextvars(
            actor=message.actor_name, message_id=message.message_id[:_LONGEST], attempt=attempt, **_of_body(body)
        )

    def after_process_message(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002 - Dramatiq's signature
        message: dramatiq.MessageProxy,  # noqa: ARG002
        *,
        result: Any = None,  # noqa: ARG002 - Dramatiq passes it by name
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        """Drop them: the next line of this thread is about no message."""
        clear_contextvars()


def _of_body(body: object) -> dict[str, str]:
    # Anybody may send anything as a body: only values that look like ids are logged.
    if not isinstance(body, dict):
        return {}
    tenant, user = body.get("tenant_id", DEFAULT_TENANT), body.get("user_id")
    told = {}
    if isinstance(tenant, str) and len(tenant) <= _LONGEST:
        told["tenant"] = tenant
        if isinstance(user, str):
            told["subject"] = pseudonym(tenant, user)
    event = body.get("event_id")
    if isinstance(event, str) and len(event) <= _LONGEST:
        told["event_id"] = event
    return told


class QueueInstruments(dramatiq.Middleware):
    """Counts after Redis has confirmed: a retry once it is enqueued, a message's wait once it is acknowledged."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Note how long it has waited, by Redis's clock."""
        if isinstance(broker, MendedBroker) and isinstance(message, ReceivedMessage) and message.sent_at is not None:
            # A figure only: the message is worked on without it.
            with suppress(RedisError):
                message.waited = max(broker.clock.now_ms() - message.sent_at, 0) / 1000

    def after_process_message(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002 - Dramatiq's signature
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002 - Dramatiq passes it by name
        exception: BaseException | None = None,
    ) -> None:
        """A message that failed or was postponed is not settled: forget its wait."""
        if exception is not None and isinstance(message, ReceivedMessage):
            message.waited = None

    def after_ack(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:  # noqa: ARG002
        """Observe the wait of a message that is settled."""
        if isinstance(message, ReceivedMessage) and message.waited is not None:
            self._metrics.queue_wait_seconds.labels(message.queue_name).observe(message.waited)

    def after_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None) -> None:
        """Count a retry: only retries, and what is deferred, are enqueued with a delay."""
        if delay is not None and DEFERRED not in message.options:
            self._metrics.message_retries.labels(broker.get_actor(message.actor_name).queue_name).inc()
