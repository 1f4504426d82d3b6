"""What every line that is logged while a message is worked on tells of it."""

from __future__ import annotations

from typing import Any

import dramatiq
from structlog.contextvars import bind_contextvars, clear_contextvars

from afterword.schemas.values import DEFAULT_TENANT
from afterword.workers.core.ids import pseudonym

_LONGEST = 200


class LogContext(dramatiq.Middleware):
    """Binds the actor, the message, which attempt it is, and of its body: tenant, subject (hashed) and event."""

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:  # noqa: ARG002
        """Bind them; what an earlier message of this thread left is dropped."""
        clear_contextvars()
        retries = message.options.get("retries", 0)
        attempt = retries + 1 if isinstance(retries, int) else 1
        body = message.args[0] if isinstance(message.args, list | tuple) and message.args else None
        bind_contextvars(actor=message.actor_name, message_id=message.message_id, attempt=attempt, **_of_body(body))

    def after_process_message(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002 - Dramatiq's signature
        message: dramatiq.MessageProxy,  # noqa: ARG002
        *,
        result: Any = None,  # noqa: ARG002 - Dramatiq passes it by name
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        """What this thread logs next is of no message."""
        clear_contextvars()


def _of_body(body: object) -> dict[str, str]:
    """A body is anything that somebody sent: only ids that look like ids are told."""
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
