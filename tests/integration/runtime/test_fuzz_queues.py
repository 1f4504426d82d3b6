"""Whatever lies in the queues: no worker stands, nobody else waits, and each message is done, or dead and listed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import ContextRequest, ListUsers, Reply, wire
from afterword.schemas.values import Model
from afterword.schemas.wire import Queue
from afterword.workers.core.messages import QueryEvent, QueryEvents
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.runtime.running import QueueRole
from tests.support.fuzzing import fuzzed
from tests.support.queue_fuzz import MessageFuzz
from tests.support.waiting import wait_until
from tests.support.workshop import NOON, Workshop, event

ROLES = {
    Queue.CONVERSATIONS: Role.INGEST,
    Queue.CONTEXT: Role.CONTEXT,
    Queue.COMMANDS: Role.COMMANDS,
    Queue.TELEMETRY: Role.TELEMETRY,
}
OURS = ("InvalidInput", "UnsupportedVersion", "LedgerRefused")
"""Errors of bodies that a queue refuses at once; an actor that raises anything else is a fault."""
BOUND = 20.0
"""Seconds for the good messages, on a machine that is busy."""


MESSAGES = 60
"""To each queue, beside the good ones."""


@dataclass
class Queues:
    """The four queues and the roles at work on them."""

    client: redis.Redis
    workshop: Workshop
    roles: dict[Queue, QueueRole]

    def put(self, queue: Queue, redis_id: bytes | str, data: bytes) -> None:
        with self.client.pipeline() as pipe:
            pipe.hset(wire.messages_key(queue), redis_id, data)
            pipe.rpush(wire.queue_key(queue), redis_id)
            pipe.lpush(wire.bell_key(queue), 1)
            pipe.execute()

    def send(self, queue: Queue, body: Model) -> None:
        message_id = uuid4().hex
        now_ms = int(time.time() * 1000)
        self.put(queue, message_id, wire.encode_message(queue, body, now_ms=now_ms, message_id=message_id))

    def send_good(self, name: str) -> list[str]:
        """Send another user's message on each queue; where the replies come."""
        replies = [wire.new_reply_key(), wire.new_reply_key()]
        asked = QueryEvent(
            tenant_id="default",
            user_id=name,
            at=NOON,
            query_length=1,
            result_length=1,
            result_count=1,
            seconds=0.1,
        )
        self.send(Queue.CONVERSATIONS, event("I have a cat.", user=name, event_id=name))
        self.send(Queue.CONTEXT, ContextRequest(user_id=name, query="cat", reply_to=replies[0]))
        self.send(Queue.COMMANDS, ListUsers(reply_to=replies[1]))
        self.send(Queue.TELEMETRY, QueryEvents(events=(asked,)))
        return replies

    def good_is_done(self, name: str) -> bool:
        stored = self.workshop.rows("SELECT 1 FROM conversations WHERE user_id = :name", name=name)
        return bool(stored) and "memory_query" in self.workshop.audit_types(name)

    def unsettled(self) -> int:
        keys = [wire.messages_key(name) for queue in ROLES for name in (queue.value, f"{queue.value}.DQ")]
        return sum(int(self.client.hlen(key)) for key in keys)

    def dead(self, queue: Queue) -> dict[bytes, str]:
        """The dead messages of a queue, and why each died."""
        broker = self.workshop.broker
        return {each.redis_id: each.error or _told(each.data) for each in broker.admin.dead_messages(queue, 1000)}

    def counted(self, metric: str, **having: str) -> int:
        """The sum of a counter's samples with these labels."""
        samples = [sample for family in self.workshop.house.metrics.registry.collect() for sample in family.samples]
        found = [each.value for each in samples if each.name == metric and having.items() <= each.labels.items()]
        return int(sum(found))


def _told(data: bytes) -> str:
    return str(json.loads(data)["options"].get("error"))


@pytest.fixture
def queues(workshop: Workshop, redis_url: str) -> Iterator[Queues]:
    roles: dict[Queue, QueueRole] = {}
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        for queue, role in ROLES.items():
            running = start_role(role, workshop.house)
            assert isinstance(running, QueueRole)
            roles[queue] = running
        yield Queues(client, workshop, roles)
        for running in roles.values():
            running.stop(10)


COUNTERS = {
    Queue.CONVERSATIONS: "afterword_ingested_conversations_total",
    Queue.CONTEXT: "afterword_context_requests_total",
    Queue.COMMANDS: "afterword_commands_total",
}


@fuzzed(8, shrink=False)
@given(st.integers(0, 2**32))
def test_whatever_lies_in_the_queues(queues: Queues, seed: int) -> None:
    name, fuzz = f"good-{uuid4().hex}", MessageFuzz(seed)
    before = {queue: queues.counted(counter) for queue, counter in COUNTERS.items()}
    sweeps = queues.workshop.house.upkeep.sweeps(queues.workshop.broker)
    sweeps.keep_dead_messages()  # those of an example that failed
    letters = len(queues.workshop.rows("SELECT 1 FROM dead_letters"))
    for queue in ROLES:
        for number in range(MESSAGES):
            # An id may be any bytes as well.
            queues.put(queue, b"%s %d \xff\x00" % (name.encode(), number), fuzz.message(queue))
    replies = queues.send_good(name)

    # Nobody else waits.
    for reply_to in replies:
        found: Any = queues.client.blpop([reply_to], timeout=BOUND)
        assert found is not None, "another user's request was not answered"
        assert Reply.model_validate_json(found[1]).ok
    wait_until(lambda: queues.good_is_done(name), BOUND, "another user's messages")

    # All is settled, and no worker stands.
    wait_until(lambda: not queues.unsettled(), what="every message to be done or dead")
    for role in queues.roles.values():
        role.progress.look()
        assert role.is_alive()
        assert role.progress.check().status == "ok"

    # What is dead says why, and nothing died of a fault of ours; all else is counted.
    dead = {queue: queues.dead(queue) for queue in ROLES}
    for queue, errors in dead.items():
        for error in errors.values():
            assert error.startswith(OURS) or not error.partition(":")[0].endswith(("Error", "None")), (queue, error)
    for queue, counter in COUNTERS.items():
        done = MESSAGES + 1 - len(dead[queue])
        assert queues.counted(counter) - before[queue] == done, queue
    assert queues.counted("afterword_commands_total", outcome="internal") == 0
    assert queues.counted("afterword_context_requests_total", outcome="failed") == 0
    assert queues.counted("afterword_message_retries_total") == 0

    # What is dead is listed.
    sweeps.keep_dead_messages()
    assert not any(queues.dead(queue) for queue in ROLES)
    listed = len(queues.workshop.rows("SELECT 1 FROM dead_letters")) - letters
    assert listed == sum(len(errors) for errors in dead.values())
