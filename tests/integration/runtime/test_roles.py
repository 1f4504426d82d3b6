"""Every role at work over real servers: what comes in by the queues, and what comes back."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import redis

from afterword.schemas import ContextReply, ContextRequest, ConversationFinished, Kind, ListUsers, Reply, wire
from afterword.schemas.conversation import MAX_MESSAGES_TAKEN
from afterword.schemas.values import Model
from afterword.schemas.wire import Queue
from afterword.workers.broker.received import RETRIES
from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.runtime.running import RunningRole
from afterword.workers.stores.ledger.migrate import migrate
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.fake_openai import FakeOpenAI
from tests.support.ledgers import refusing
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event

Start = Callable[..., RunningRole]
GRACE = 10.0


class Asker:
    """A client by hand: the contract's own Redis commands."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def send(self, queue: Queue, body: Model) -> None:
        message_id = uuid4().hex
        self.put(queue, message_id, wire.encode_message(queue, body, now_ms=self.now_ms(), message_id=message_id))

    def put(self, queue: Queue, message_id: str, encoded: bytes) -> None:
        with self.client.pipeline() as pipe:
            for command in wire.enqueue_commands(queue, message_id, encoded):
                pipe.execute_command(*command)
            pipe.execute()

    def send_raw(self, queue: Queue, body: Any) -> None:
        """A body that the contract would not let through."""
        message_id = uuid4().hex
        message = {
            "queue_name": queue.value,
            "actor_name": wire.ACTORS[queue],
            "args": [body],
            "kwargs": {},
            "options": {"redis_message_id": message_id},
            "message_id": message_id,
            "message_timestamp": self.now_ms(),
        }
        self.put(queue, message_id, json.dumps(message).encode())

    def publish(self, *events: ConversationFinished) -> None:
        for each in events:
            self.send(Queue.CONVERSATIONS, each)

    def answer(self, reply_to: str, timeout: float = 10) -> Reply:
        found: Any = self.client.blpop([reply_to], timeout=timeout)
        assert found is not None, "no reply came"
        return Reply.model_validate_json(found[1])

    def ask(self, query: str | None, **more: Any) -> Reply:
        request = ContextRequest(user_id="ann", query=query, reply_to=wire.new_reply_key(), **more)
        self.send(Queue.CONTEXT, request)
        return self.answer(request.reply_to)

    def waiting(self, queue: Queue) -> int:
        found: Any = self.client.hlen(wire.messages_key(queue))
        return int(found)

    def dead(self, queue: Queue) -> int:
        found: Any = self.client.zcard(f"{wire.queue_key(queue)}.XQ")
        return int(found)

    def now_ms(self) -> int:
        seconds, micros = self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000


@pytest.fixture
def asker(redis_url: str) -> Iterator[Asker]:
    with redis.Redis.from_url(redis_url) as client:
        yield Asker(client)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts roles of a workshop; stops all of them at the end, side by side."""
    running: list[RunningRole] = []

    def started(role: Role, workshop: Workshop) -> RunningRole:
        running.append(start_role(role, workshop.house))
        return running[-1]

    yield started
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda role: role.stop(GRACE), running))


def counted(workshop: Workshop, name: str, **labels: str) -> float:
    return workshop.house.metrics.registry.get_sample_value(name, labels) or 0.0


class TestAllTogether:
    def test_what_is_published_comes_back_as_context(self, workshop: Workshop, start: Start, asker: Asker) -> None:
        roles = [start(role, workshop) for role in Role]
        assert all(role.is_alive() for role in roles)
        asker.publish(event("I play the cello.", agent_id="coach", session_id="s1"))
        wait_until(lambda: workshop.statuses() == ["done"], what="the extraction")
        reply = ContextReply.model_validate(asker.ask("cello", agent_id="coach", session_id="s1").unwrap())
        # The fact stands for the turn that it was learned from.
        assert [memory.kind for memory in reply.memories] == [Kind.FACT]
        assert "cello" in reply.text
        users = ListUsers(reply_to=wire.new_reply_key())
        asker.send(Queue.COMMANDS, users)
        assert asker.answer(users.reply_to).unwrap()["users"] == [{"user_id": "ann", "memories": 2}]
        wait_until(lambda: "memory_query" in workshop.audit_types(), what="the query's audit row")
        [query] = [row for row in workshop.audited() if row.type == "memory_query"]
        assert (query.result_count, query.metadata["query_length"]) == (1, 5)
        assert counted(workshop, "afterword_context_requests_total", outcome="answered") == 1
        assert counted(workshop, "afterword_ingested_conversations_total", outcome="stored") == 1
        for queue in (Queue.CONVERSATIONS, Queue.CONTEXT, Queue.COMMANDS):
            wait_until(lambda: counted(workshop, "afterword_queue_wait_seconds_count", queue=queue) == 1, what=queue)  # noqa: B023
        assert counted(workshop, "afterword_context_seconds_count", step="reply") == 1
        replied = counted(workshop, "afterword_context_seconds_sum", step="reply")
        assert replied >= counted(workshop, "afterword_context_seconds_sum", step="total") > 0
        assert counted(workshop, "afterword_command_seconds_count", command="users") == 1
        assert counted(workshop, "afterword_commands_total", command="users", outcome="ok") == 1

    def test_a_debounced_subject_is_extracted_without_any_hint_of_ingest(
        self, open_workshop: OpenWorkshop, start: Start, asker: Asker
    ) -> None:
        workshop = open_workshop(extract_after=0.5)
        for role in (Role.INGEST, Role.EXTRACTION, Role.SCHEDULER):
            start(role, workshop)
        asker.publish(event("one"), event("two", event_id="e2"))
        wait_until(lambda: workshop.statuses() == ["done", "done"], what="the extraction")

    def test_replies_do_not_stay_for_ever(self, workshop: Workshop, start: Start, asker: Asker) -> None:
        start(Role.CONTEXT, workshop)
        request = ContextRequest(user_id="ann", query="x", reply_to=wire.new_reply_key())
        asker.send(Queue.CONTEXT, request)
        wait_until(lambda: asker.client.llen(request.reply_to) == 1, what="the reply")
        assert 0 < asker.client.pttl(request.reply_to) <= wire.REPLY_TTL_MS


class TestAnswering:
    @pytest.fixture(autouse=True)
    def _role(self, workshop: Workshop, start: Start) -> None:
        start(Role.CONTEXT, workshop)

    def test_a_deadline_may_be_any_number(self, asker: Asker) -> None:
        for deadline_ms, ok in ((2**53 - 1, True), (10**400, False), (-(10**400), False)):
            reply_to = wire.new_reply_key()
            body = {"user_id": "ann", "query": "x", "reply_to": reply_to, "deadline_ms": deadline_ms}
            asker.send_raw(Queue.CONTEXT, body)
            assert asker.answer(reply_to).ok is ok
        assert asker.dead(Queue.CONTEXT) == 0

    @pytest.mark.parametrize("odd", [{"request_id": "\ud83d"}, {"shares": {"\ud83d": 1}}, {"request_id": ["x"] * 9}])
    def test_a_refusal_can_be_sent_whatever_it_is_about(self, asker: Asker, odd: dict[str, Any]) -> None:
        reply_to = wire.new_reply_key()
        asker.send_raw(Queue.CONTEXT, {"user_id": "ann", "query": "x", "reply_to": reply_to, **odd})
        error = asker.answer(reply_to).error
        assert error is not None
        assert error.code == "invalid"
        assert asker.dead(Queue.CONTEXT) == 0

    def test_a_request_past_its_deadline_is_dropped(self, workshop: Workshop, asker: Asker) -> None:
        late = ContextRequest(
            user_id="ann", query="x", reply_to=wire.new_reply_key(), deadline_ms=asker.now_ms() - 10_000
        )
        asker.send(Queue.CONTEXT, late)
        asker.ask("in time", deadline_ms=asker.now_ms() + 60_000)
        wait_until(lambda: not asker.waiting(Queue.CONTEXT), what="the queue to be empty")
        assert asker.client.exists(late.reply_to) == 0
        assert counted(workshop, "afterword_context_requests_total", outcome="expired") == 1

    @pytest.mark.parametrize(
        ("body", "field"), [({"query": "x"}, "user_id"), ({"user_id": "ann", "version": 9}, "version")]
    )
    def test_an_invalid_request_is_told_why(self, asker: Asker, body: dict[str, Any], field: str) -> None:
        reply_to = wire.new_reply_key()
        asker.send_raw(Queue.CONTEXT, {**body, "reply_to": reply_to, "request_id": "r1"})
        reply = asker.answer(reply_to)
        assert reply.error is not None
        assert (reply.request_id, reply.error.code, reply.error.field) == ("r1", "invalid", field)

    @pytest.mark.parametrize("body", [None, 5, "text", {"reply_to": "afterword:conversations"}, {"reply_to": 7}])
    def test_what_names_no_reply_list_is_let_go(self, workshop: Workshop, asker: Asker, body: Any) -> None:
        asker.send_raw(Queue.CONTEXT, body)
        wait_until(
            lambda: counted(workshop, "afterword_context_requests_total", outcome="invalid"), what="the request to go"
        )
        assert asker.ask("still here").ok
        assert asker.client.exists("afterword:conversations") == 0

    def test_what_goes_wrong_in_a_service_is_answered_too(self, workshop: Workshop, asker: Asker) -> None:
        def fail() -> None:
            raise ZeroDivisionError("ann said something private")

        workshop.store.before["search"] = fail
        reply = asker.ask("x")
        assert reply.error is not None
        assert reply.error.code == "internal"
        assert "private" not in reply.error.message
        wait_until(lambda: asker.dead(Queue.CONTEXT) == 1, what="the dead letter")
        assert counted(workshop, "afterword_context_requests_total", outcome="failed") == 1
        workshop.store.up()
        assert asker.ask("x").ok


def test_only_extraction_pays_for_importing_mem0() -> None:
    program = "import sys, afterword.workers.runtime.process; sys.exit('mem0' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class TestIngest:
    def test_an_invalid_event_is_a_dead_letter_at_once(self, workshop: Workshop, start: Start, asker: Asker) -> None:
        start(Role.INGEST, workshop)
        asker.send_raw(Queue.CONVERSATIONS, {"user_id": "ann", "messages": []})
        asker.publish(event("sound"))
        wait_until(lambda: asker.dead(Queue.CONVERSATIONS) == 1, what="the dead letter")
        wait_until(lambda: workshop.statuses() == ["stored"], what="the other event")
        workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()
        [letter] = workshop.rows("SELECT user_id, error FROM dead_letters")
        assert letter.user_id == "ann"
        assert letter.error.startswith("InvalidInput: messages")

    def test_an_event_of_too_many_messages_is_dead_and_says_how_to_send_it(
        self, workshop: Workshop, start: Start, asker: Asker
    ) -> None:
        """Three megabytes of tiny messages are 80,000: they would hold a thread up for a minute."""
        start(Role.INGEST, workshop)
        body = event("Hello.").model_dump(mode="json")
        asker.send_raw(Queue.CONVERSATIONS, body | {"messages": body["messages"] * (MAX_MESSAGES_TAKEN + 1)})
        wait_until(lambda: asker.dead(Queue.CONVERSATIONS) == 1, what="the dead letter")
        workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()
        [letter] = workshop.rows("SELECT error FROM dead_letters")
        assert letter.error.startswith("InvalidInput: messages: must be at most 5000: send them as parts")
        assert workshop.statuses() == []

    def test_stopping_hands_back_what_was_not_begun(self, workshop: Workshop, asker: Asker, redis_url: str) -> None:
        """Two threads, each with an event in hand, and more prefetched behind them."""
        role = start_role(Role.INGEST, workshop.house)
        begun: list[float] = []

        def slowly() -> None:
            begun.append(time.monotonic())
            time.sleep(0.3)

        workshop.store.before["insert"] = slowly
        asker.publish(*(event(f"number {number}", user=f"user-{number}") for number in range(60)))
        wait_until(lambda: begun, what="the first event")
        role.stop(GRACE)
        done = len(workshop.statuses())
        assert 0 < done < 60
        assert not role.is_alive()
        with redis.Redis.from_url(redis_url) as client:
            assert client.llen(wire.queue_key(Queue.CONVERSATIONS)) == 60 - done
            assert not client.keys("afterword:__acks__*")
        workshop.store.up()
        second = start_role(Role.INGEST, workshop.house)
        wait_until(lambda: workshop.statuses() == ["stored"] * 60, what="the rest")
        second.stop(GRACE)

    def test_ids_of_too_many_bytes_are_dead_listed_and_logged(
        self, workshop: Workshop, start: Start, asker: Asker, caplog: pytest.LogCaptureFixture
    ) -> None:
        """256 characters of four bytes each: once they passed the contract, and failed in an index for ever."""
        caplog.set_level("INFO")
        start(Role.INGEST, workshop)
        body = event("Hello.").model_dump(mode="json")
        fields = ("user_id", "tenant_id", "event_id", "session_id", "agent_id")
        for field in fields:
            asker.send_raw(Queue.CONVERSATIONS, body | {field: "\U0001f40d" * 256})
        wait_until(lambda: asker.dead(Queue.CONVERSATIONS) == len(fields), what="their dead letters")
        wait_until(lambda: not asker.waiting(Queue.CONVERSATIONS), what="the queue to be empty")
        workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()
        errors = [letter.error for letter in workshop.rows("SELECT error FROM dead_letters")]
        assert all("must be at most 512 bytes" in error for error in errors)
        assert sorted(error.split(": ")[1] for error in errors) == sorted(fields)
        assert sum("InvalidInput" in message for message in caplog.messages) == len(fields)

    def test_what_the_ledger_cannot_keep_is_a_dead_letter_at_once(
        self, workshop: Workshop, start: Start, asker: Asker
    ) -> None:
        start(Role.INGEST, workshop)
        with refusing(workshop.database, "conversations", "NEW.event_id = 'bad'"):
            asker.publish(event("one", event_id="bad"), event("two", event_id="good"))
            wait_until(lambda: asker.dead(Queue.CONVERSATIONS) == 1, what="the dead letter")
            wait_until(lambda: workshop.statuses() == ["stored"], what="the other event")
        workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()
        [letter] = workshop.rows("SELECT event_id, error FROM dead_letters")
        assert letter.event_id == "bad"
        assert letter.error.startswith("LedgerRefused: PostgreSQL refuses it: ")


class TestTelemetry:
    EVENT: ClassVar[dict[str, Any]] = {
        "tenant_id": "default",
        "user_id": "ann",
        "at": "2026-05-01T12:00:00Z",
        "query_length": 5,
        "result_length": 10,
        "result_count": 1,
        "relevance": 0.5,
        "seconds": 0.01,
    }
    BAD = (float("nan"), float("inf"), float("-inf"), 1e30, 10**400, -1, "many")

    def test_no_number_stops_it_or_spoils_a_sum(self, workshop: Workshop, start: Start, asker: Asker) -> None:
        start(Role.TELEMETRY, workshop)
        fields = ("query_length", "result_length", "result_count", "relevance", "seconds")
        bad: list[dict[str, Any]] = [
            *({"events": [self.EVENT | {field: value}]} for field in fields for value in self.BAD),
            *({"events": [self.EVENT | {"at": at}]} for at in (10**400, "0001-01-01T00:00:00Z", "9999-12-31T00:00Z")),
            {"events": [self.EVENT], "batch_id": "none"},
            {"events": [self.EVENT | {"user_id": "u" * 3000}]},
            {"events": [self.EVENT | {"query_hash": "\x00"}]},
            {"events": [self.EVENT | {"degraded": ["x" * 3000]}]},
        ]
        for body in bad:
            asker.send_raw(Queue.TELEMETRY, body)
        asker.send_raw(Queue.TELEMETRY, {"events": [self.EVENT]})
        wait_until(lambda: "memory_query" in workshop.audit_types(), what="the good one")
        wait_until(lambda: asker.dead(Queue.TELEMETRY) == len(bad), what="the dead letters, each at once")
        [sums] = workshop.rows("SELECT sum(searches) AS searches, sum(search_seconds) AS seconds FROM daily_statistics")
        assert (sums.searches, sums.seconds) == (1, pytest.approx(0.01))

    def test_times_of_sending_do_not_stop_it(self, workshop: Workshop, start: Start, asker: Asker) -> None:
        start(Role.TELEMETRY, workshop)
        for number, eta in enumerate((float("inf"), 10**400)):
            message = {
                "queue_name": Queue.TELEMETRY.value,
                "actor_name": wire.ACTORS[Queue.TELEMETRY],
                "args": [{"events": [self.EVENT]}],
                "kwargs": {},
                "options": {"redis_message_id": str(number), "eta": eta},
                "message_id": str(number),
                "message_timestamp": -eta,
            }
            asker.put(Queue.TELEMETRY, str(number), json.dumps(message).encode())
        wait_until(lambda: workshop.audit_types().count("memory_query") == 2, what="both")
        wait_until(lambda: not asker.waiting(Queue.TELEMETRY), what="both to be acknowledged")
        waited = counted(workshop, "afterword_queue_wait_seconds_sum", queue="telemetry")
        assert math.isfinite(waited)


class TestExtraction:
    def test_without_an_llm_the_role_idles(self, open_workshop: OpenWorkshop, start: Start) -> None:
        role = start(Role.EXTRACTION, open_workshop(llm="none"))
        assert role.is_alive()
        role.stop(1)
        assert not role.is_alive()

    def test_a_slow_subject_holds_up_no_other(
        self, workshop: Workshop, llm: FakeOpenAI, start: Start, asker: Asker
    ) -> None:
        llm.fail(faults.Hang())
        for role in (Role.INGEST, Role.EXTRACTION):
            start(role, workshop)
        asker.publish(event("slow", user="slow"))
        llm.wait_for_chats(1)
        asker.publish(*(event("quick", user=f"user-{number}") for number in range(5)))
        wait_until(lambda: workshop.statuses().count("done") == 5, what="the others")
        assert workshop.statuses().count("stored") == 1
        llm.release()
        wait_until(lambda: workshop.statuses().count("done") == 6, what="the slow one")


class TestWithoutPostgres:
    def test_ingest_fetches_nothing_and_burns_no_attempt_until_it_is_back(
        self, tmp_path: Path, edge_folder: Path, redis_url: str, llm: FakeOpenAI, asker: Asker
    ) -> None:
        postgres = PostgresServer(tmp_path / "pg")
        postgres.start()
        with closing(Workshop(postgres.url, redis_url, edge_folder, llm.url)) as workshop:
            migrate(workshop.database)
            role = start_role(Role.INGEST, workshop.house)
            asker.publish(event("before", event_id="e0"))
            wait_until(lambda: workshop.statuses() == ["stored"], what="the first event")
            postgres.kill()
            asker.publish(*(event(f"during {number}", event_id=f"e{number}") for number in range(1, 30)))
            wait_until(
                lambda: asker.client.llen(wire.queue_key(Queue.CONVERSATIONS)) == 29, what="all to wait in Redis"
            )
            retried: Any = asker.client.hvals(wire.messages_key(Queue.CONVERSATIONS))
            assert not any(RETRIES in json.loads(message)["options"] for message in retried)
            postgres.start()
            wait_until(workshop.database.answers, what="PostgreSQL")
            wait_until(lambda: workshop.statuses() == ["stored"] * 30, what="the backlog")
            assert asker.dead(Queue.CONVERSATIONS) == 0
            role.stop(GRACE)
        postgres.stop()
