"""Removing a user from Redis: messages in every state, replies, and vectors of questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from afterword.schemas.wire import Queue, read_message, sent_at_ms
from afterword.workers.broker import QueueAdmin, RedisTraces
from afterword.workers.services.commands.users_named import is_about, users_named
from afterword.workers.services.governance.steps import Note
from afterword.workers.stores.ledger.erasures import Erasure

_WHOLE = (Queue.CONVERSATIONS, Queue.CONTEXT, Queue.COMMANDS)
"""Queues whose messages are about one user each, and are dropped as they are. Extraction's hints name nobody, and
telemetry's are taken in within seconds, and voided there."""

_DEAD_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class QueueRemoval:
    """The Redis side of an erasure. Raises: MemoryUnavailable."""

    queues: QueueAdmin
    traces: RedisTraces

    def remove(self, erasure: Erasure, note: Note) -> None:
        """Remove what is in Redis, and tell the workers to drop their caches.

        A message that was sent after the erasure was asked for is the first of somebody new, and stays.
        """
        about, is_old = is_about(erasure.tenant_id, erasure.user_id), sent_before(erasure.requested_at)
        alive = {
            queue: [id for id, data in self.queues.messages(queue) if about(data) and is_old(data)] for queue in _WHOLE
        }
        dead = {
            queue: [each.redis_id for each in self.queues.dead_messages(queue, _DEAD_AT_MOST) if about(each.data)]
            for queue in Queue
        }
        # A dead message is among the messages of its queue as well.
        found = {id for ids in alive.values() for id in ids} | {
            id.decode(errors="replace") for ids in dead.values() for id in ids
        }
        note({"messages": len(found)})
        for queue, ids in alive.items():
            self.queues.drop(queue, ids)
        for queue, dead_ids in dead.items():
            self.queues.forget_dead(queue, dead_ids)
        replies = self.traces.drop_replies(lambda data: erasure.user_id in users_named(data))
        vectors = self.traces.drop_question_vectors()
        note({"messages": len(found), "replies": replies, "question_vectors": vectors})
        self.traces.announce()


def sent_before(at: datetime) -> Callable[[bytes], bool]:
    """Tells of a message whether it was sent before then; one that does not say when was."""
    limit = at.timestamp() * 1000

    def is_old(data: bytes) -> bool:
        envelope, _ = read_message(data)
        told = sent_at_ms(envelope.get("message_timestamp"), int(datetime.now(UTC).timestamp() * 1000))
        return told is None or told <= limit

    return is_old
