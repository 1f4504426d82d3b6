"""A message in this process's hands, and the messages of a queue that are."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dramatiq import Message, MessageProxy
from dramatiq.errors import DecodeError, Retry

from afterword.schemas.errors import AfterwordError
from afterword.schemas.wire import sent_at_ms
from afterword.workers.core.errors import told

RETRIES = "afterword_retries"
"""The option that counts a message's retries. A producer who sets it loses retries of this message, and gains none."""

DEFERRED = "afterword_deferred"
"""The option of a message that is enqueued again because it was deferred. Nobody reads it when it comes back."""

LONGEST_DELAY_MS = 60_000
"""The longest delay that is believed: longer than any retry waits, whatever clock the delaying worker had."""

_ERROR_LENGTH = 500
_NAME_LENGTH = 512


class Postponed(AfterwordError, Retry):
    """The work cannot be done just now and is not at fault: its message goes back to the end of its queue.

    For actors to raise. No attempt is burned, and Dramatiq does not log it as an error.
    """


class Deferred(AfterwordError, Retry):
    """This message alone has to wait: it comes again after `delay` milliseconds, and others go on.

    For actors to raise. No attempt is burned, and Dramatiq does not log it as an error.
    """

    def __init__(self, message: str, *, delay: int) -> None:
        super().__init__(message, delay)


class ReceivedMessage(MessageProxy):
    """A message handed to this process.

    Its text form shows no argument, so that Dramatiq's log lines never repeat a conversation.
    """

    def __init__(self, message: Message[object], redis_id: bytes, *, size: int, sent_at: int | None) -> None:
        super().__init__(message)
        self.redis_id = redis_id
        self.size = size
        """Bytes that it has in Redis."""
        self.sent_at = sent_at
        """When it was sent, in milliseconds since 1970; None where it does not say, or says what cannot be."""
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


def read_received(redis_id: bytes, data: bytes, queue_name: str) -> ReceivedMessage | None:
    """The message in `data`; None where it is no message, or one that would end a thread of this queue's worker.

    Its options are data that anybody may have written. Of them only what this broker wrote itself is kept, in bounds.
    """
    try:
        message: Message[object] = Message.decode(data)
        message.options["redis_message_id"].encode()
    except (DecodeError, TypeError, KeyError, AttributeError, UnicodeEncodeError):
        return None
    if not _is_sound(message, queue_name):
        return None
    now_ms = int(time.time() * 1000)
    sent_at = sent_at_ms(message.message_timestamp, now_ms)
    options = _own_options(message.options, redis_id)
    if queue_name.endswith(".DQ"):
        options["eta"] = _eta(message.options, now_ms)
    own = replace(message, options=options, message_timestamp=now_ms if sent_at is None else sent_at)
    return ReceivedMessage(own, redis_id, size=len(data), sent_at=sent_at)


def _own_options(options: Mapping[str, Any], redis_id: bytes) -> dict[str, Any]:
    """The options that this broker wrote. The id is that of the message's place, whatever the message says."""
    retries = options.get(RETRIES)
    # Not isinstance: True is an int as well.
    counted = {RETRIES: max(retries, 0)} if type(retries) is int else {}
    return {"redis_message_id": redis_id.decode(errors="replace"), **counted}


def _eta(options: Mapping[str, Any], now_ms: int) -> int:
    """When a delayed message is due: at once where that cannot be read, soon in any case."""
    eta = options.get("eta")
    # NaN is not above anything.
    if isinstance(eta, int | float) and eta > now_ms:
        return int(min(eta, now_ms + LONGEST_DELAY_MS))
    return now_ms


def _is_sound(message: Message[object], queue_name: str) -> bool:
    # Dramatiq's threads die of a foreign queue name and of an unhashable actor name; its log lines repeat names. Actors
    # take a body and nothing else: to try another call again and again mends nothing.
    return (
        message.queue_name == queue_name
        and _is_name(message.actor_name)
        and _is_name(message.message_id)
        and len(message.args) == 1
        and message.kwargs == {}
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _NAME_LENGTH


class Held:
    """The messages of one queue that were handed to this process and are not settled: ids and sizes. Thread-safe."""

    def __init__(self) -> None:
        self._sizes: dict[bytes, int] = {}
        self._changed = threading.Condition()
        self.settled_at = time.monotonic()
        """When a message was last settled: done, failed or set aside; not when one was put back."""

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size(self) -> int:
        """Bytes in all."""
        with self._changed:
            return sum(self._sizes.values())

    def add(self, messages: Iterable[ReceivedMessage]) -> None:
        with self._changed:
            self._sizes.update((message.redis_id, message.size) for message in messages)

    def settle(self, redis_id: bytes) -> None:
        """Let go of a message that is settled."""
        self.settled_at = time.monotonic()
        self.discard([redis_id])

    def discard(self, ids: Iterable[bytes]) -> None:
        with self._changed:
            for redis_id in ids:
                self._sizes.pop(redis_id, None)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._sizes.clear()
            self._changed.notify_all()

    def not_among(self, ids: Iterable[bytes]) -> list[bytes]:
        """Those of `ids` that are not held."""
        with self._changed:
            return [redis_id for redis_id in ids if redis_id not in self._sizes]

    def wait_below(self, limit: int, seconds: float) -> None:
        """Return when fewer than `limit` are held, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._sizes) < limit, seconds)
