"""What is still on its way for a subject: found in the queues, so that it can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import Queue, read_message
from afterword.workers.broker import MendedBroker


def drop_conversations(broker: MendedBroker, tenant_id: str, user_id: str, session_id: str | None = None) -> int:
    """Take a subject's conversations, or those of one session, out of their queue, dead ones too; how many.

    One that a worker has in its hands already is not found: it is taken in.

    Raises: MemoryUnavailable.
    """
    wanted = _is_of(tenant_id, user_id, session_id)
    found = [message_id for message_id, data in broker.messages(Queue.CONVERSATIONS) if wanted(read_message(data)[1])]
    return broker.drop(Queue.CONVERSATIONS, found)


def _is_of(tenant_id: str, user_id: str, session_id: str | None) -> Callable[[dict[str, Any]], bool]:
    def is_of(body: dict[str, Any]) -> bool:
        # Ids may be numbers in what others publish; their text form is what is kept.
        owner = (str(body.get("tenant_id", DEFAULT_TENANT)), str(body.get("user_id")))
        return owner == (tenant_id, user_id) and session_id in (None, str(body.get("session_id")))

    return is_of
