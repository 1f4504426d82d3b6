"""Retries that cannot lose a message."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.common import compute_backoff
from dramatiq.errors import Retry

MAX_RETRIES = 3
MIN_BACKOFF_MS = 500
MAX_BACKOFF_MS = 30_000


class Retries(dramatiq.middleware.Retries):
    """Dramatiq's retries, few and soon, with two differences.

    A message is acknowledged only when its retry is safely in Redis, else it is dead-lettered; and it carries the
    error's class and message instead of a traceback. Per actor: `max_retries`, `min_backoff`, `max_backoff`, `throws`.
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
        retries = message.options.setdefault("retries", 0)
        if (throws and isinstance(exception, throws)) or retries >= options.get("max_retries", self.max_retries):
            return
        message.options["retries"] = retries + 1
        broker.enqueue(message.copy(), delay=self._delay_ms(exception, retries, options))
        message.failed = False

    def _delay_ms(self, exception: BaseException, retries: int, options: dict[str, Any]) -> int:
        if isinstance(exception, Retry) and exception.delay is not None:
            return exception.delay
        return compute_backoff(
            retries,
            factor=options.get("min_backoff", self.min_backoff),
            max_backoff=options.get("max_backoff", self.max_backoff),
        )[1]
