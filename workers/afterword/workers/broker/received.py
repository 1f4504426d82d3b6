"""A message in this process's hands, and the messages of a queue that are."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from dramatiq import Message, MessageProxy
from dramatiq.errors import DecodeError, Retry

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import told

_ERROR_LENGTH = 500


class Postponed(AfterwordError, Retry):
    """The work cannot be done just now and is not at fault: its message goes back to the end of its queue.

    For actors to raise. No attempt is burned, and Dramatiq does not log it as an error.
    """


class ReceivedMessage(MessageProxy):
    """A message handed to this process.

    Its text form shows no argument, so that Dramatiq's log lines never repeat a conversation.
    """

    def __init__(self, message: Message[object], redis_id: bytes) -> None:
        super().__init__(message)
        self.redis_id = redis_id
        self.postponed = False
        self.waited: float | None = None
        """Seconds from its sending to the work that was done on it, once it was."""

    def stuff_exception(self, exception: BaseException) -> None:
        """Keep why it failed, for its retry or its dead letter to tell; no traceback."""
        super().stuff_exception(exception)
        self.postponed = isinstance(exception, Postponed)
        self.options["error"] = told(exception)[:_ERROR_LENGTH]

    def __str__(self) -> str:
        return f"{self.actor_name}({self.message_id})"

    def __repr__(self) -> str:
        return f"<ReceivedMessage {self}>"


def read_received(data: bytes | None, queue_name: str) -> ReceivedMessage | None:
    """The message in `data`, or None where it is missing, no message, or none that a worker of this queue survives."""
    try:
        message: Message[object] = Message.decode(data or b"")
        redis_id = message.options["redis_message_id"].encode()
    except (DecodeError, TypeError, KeyError, AttributeError, UnicodeEncodeError):
        return None
    return ReceivedMessage(message, redis_id) if _is_sound(message, queue_name) else None


def _is_sound(message: Message[object], queue_name: str) -> bool:
    # Dramatiq's threads die of a foreign queue name, an unhashable actor name, and of `throws` that is no class.
    return (
        message.queue_name == queue_name
        and isinstance(message.actor_name, str)
        and isinstance(message.message_id, str)
        and isinstance(message.kwargs, dict)
        and "throws" not in message.options
    )


class Held:
    """The Redis ids of one queue's messages that were handed to this process and are not settled. Thread-safe."""

    def __init__(self) -> None:
        self._ids: set[bytes] = set()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Iterable[bytes]) -> None:
        with self._changed:
            self._ids.update(ids)

    def discard(self, ids: Iterable[bytes]) -> None:
        with self._changed:
            self._ids.difference_update(ids)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._ids.clear()
            self._changed.notify_all()

    def not_among(self, ids: Iterable[bytes]) -> list[bytes]:
        """Those of `ids` that are not held."""
        with self._changed:
            return [redis_id for redis_id in ids if redis_id not in self._ids]

    def wait_below(self, limit: int, seconds: float) -> None:
        """Return when fewer than `limit` are held, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._ids) < limit, seconds)
