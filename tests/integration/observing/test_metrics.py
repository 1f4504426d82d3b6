"""Each metric moves when its thing happens, and once however often it is delivered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from afterword.schemas import AddMemory, ClearMemories, DeleteMemory, Kind, Scope, wire
from afterword.schemas.conversation import PublishCounts, split
from afterword.schemas.errors import MemoryUnavailable
from afterword.schemas.wire import Queue
from afterword.workers.broker import Deferred, MendedBroker, Pace, Postponed, QueueInstruments, build_broker
from afterword.workers.core.errors import LedgerUnavailable, VectorStoreUnavailable
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.services.upkeep.readings import Readings
from afterword.workers.services.upkeep.scheduler import Scheduler, Task
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import excerpts
from afterword.workers.stores.ledger.upkeep.leadership import Leadership
from afterword.workers.stores.vectors.queries import Filter, Match
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.brokers import QUEUE, Work, working
from tests.support.extractions import clear
from tests.support.fake_openai import Fact, FakeOpenAI, memory
from tests.support.waiting import wait_until
from tests.support.workshop import REPLY_TO, Crash, Workshop, crash, event


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"afterword_{name}", labels)


def count(workshop: Workshop, name: str, **labels: str) -> float:
    """0 where nothing was counted."""
    return sample(workshop.house.metrics, name, **labels) or 0.0


def memories(workshop: Workshop, operation: str, scope: Scope, kind: Kind) -> float:
    return count(workshop, "memories_total", operation=operation, scope=scope, kind=kind)


def steps(workshop: Workshop, name: str) -> dict[str, float]:
    """How often each step of a histogram was observed."""
    [family] = [each for each in workshop.house.metrics.registry.collect() if each.name == f"afterword_{name}"]
    return {each.labels["step"]: each.value for each in family.samples if each.name.endswith("_count")}


class TestIngest:
    def test_an_event_is_counted_by_what_became_of_it(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop()
        workshop.take_in(
            event("I play the cello.", event_id="e1"),
            event("I play the cello.", event_id="e1"),
            event("Something else.", event_id="e1"),
            event("...", event_id="e2", messages=[{"role": "system", "content": "Be kind."}]),
        )
        for outcome in set(Outcome) - {Outcome.ERASED, Outcome.DEFERRED}:
            assert count(workshop, "ingested_conversations_total", outcome=outcome) == 1
        assert steps(workshop, "ingest_seconds") == {"record": 4, "embed": 1, "vector_write": 1, "total": 4}

    def test_its_excerpts_count_once_however_often_it_is_delivered(self, workshop: Workshop) -> None:
        workshop.store.after["insert"] = crash
        with pytest.raises(Crash):
            workshop.take_in(event("I play the cello.", "And the harp.", event_id="e1"))
        assert memories(workshop, "add", Scope.USER, Kind.EXCERPT) == 0
        workshop.store.up()
        workshop.take_in(*[event("I play the cello.", "And the harp.", event_id="e1")] * 3)
        assert memories(workshop, "add", Scope.USER, Kind.EXCERPT) == 2
        assert len(workshop.memories(kind=Kind.EXCERPT)) == 2

    def test_its_excerpts_count_once_when_the_sweep_and_a_redelivery_meet(self, workshop: Workshop) -> None:
        workshop.store.down()
        workshop.take_in(event("I play the cello."))
        workshop.store.up()
        with workshop.database.transaction() as connection:
            [left] = excerpts.without_excerpts(connection, older_than=timedelta(0), limit=1)
        for _ in range(2):
            workshop.house.memories.excerpts.write(left)
        assert memories(workshop, "add", Scope.USER, Kind.EXCERPT) == 1

    def test_what_its_client_tells_counts_once_for_each_event(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop()
        told = PublishCounts(sent=3, dropped=1)
        sent = event("I play the cello.", event_id="e1").model_copy(update={"publishes": told})
        workshop.take_in(sent, sent, event("No words of its client.", event_id="e2"))
        counts = {name: count(workshop, "publishes_total", outcome=name) for name in PublishCounts.model_fields}
        assert counts == {"sent": 3, "dropped": 1, "invalid": 0}

    def test_a_client_is_heard_although_memory_is_switched_off(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(memory_enabled=False)
        sent = event("Hello.").model_copy(update={"publishes": PublishCounts(invalid=4)})
        assert workshop.take_in(sent) == [Outcome.SKIPPED]
        assert count(workshop, "publishes_total", outcome="invalid") == 4

    def test_what_was_no_message_counts_once_for_each_event(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop()
        said: list[dict[str, Any]] = [{"role": "user", "content": "I play the cello."}]
        calls = [{"type": "function_call", "name": "tune", "arguments": "{}"}, {"type": "reasoning", "summary": []}]
        odd = event(event_id="e1", messages=[*said, *calls])
        workshop.take_in(odd, odd, event("And the harp.", event_id="e2"))
        assert count(workshop, "messages_skipped_total") == 2

    def test_what_was_no_message_counts_once_for_an_event_in_parts(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop()
        said = [{"role": "user", "content": f"I play piece {number}."} for number in range(3)]
        whole = event(event_id="e1", messages=[*said, {"type": "reasoning", "summary": []}])
        parts = split(whole, max_messages=1)
        assert len(parts) == 3
        workshop.take_in(*parts)
        assert count(workshop, "messages_skipped_total") == 1


class TestExtraction:
    def test_its_steps_waits_and_memories(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        facts = [Fact("Ann plays the cello."), Fact("Answers in rhyme.", scope="agent"), Fact("Today", scope="session")]
        llm.answer_with(lambda _: memory(facts))
        workshop.take_in(event("I play the cello.", agent_id="coach", session_id="s1"))
        workshop.some_time_passes(90)
        workshop.rows("UPDATE subjects SET due_at = due_at - interval '40 seconds'")
        workshop.extract_all()
        assert {scope: memories(workshop, "add", scope, Kind.FACT) for scope in Scope} == dict.fromkeys(Scope, 1.0)
        assert count(workshop, "extractions_total", outcome="done") == 1
        assert count(workshop, "extracted_conversations_total", outcome="done") == 1
        assert steps(workshop, "extraction_seconds") == {"embed": 1, "llm": 1, "vector_write": 1, "total": 1}
        assert 40 < count(workshop, "claim_wait_seconds_sum") < 80
        assert 90 < count(workshop, "freshness_seconds_sum") < 130

    def test_a_crash_after_the_facts_were_written_counts_nothing_twice(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        workshop.store.after["insert"] = crash
        with pytest.raises(Crash):
            workshop.extraction.extract_next()
        assert memories(workshop, "add", Scope.USER, Kind.FACT) == 0
        workshop.store.up()
        workshop.lease_runs_out()
        workshop.extract_all()
        assert memories(workshop, "add", Scope.USER, Kind.FACT) == 1
        assert count(workshop, "extracted_conversations_total", outcome="done") == 1
        assert count(workshop, "freshness_seconds_count") == 1
        assert count(workshop, "llm_calls_total", model="fake-model", outcome="ok") == 1

    def test_what_an_answer_costs(self, open_workshop: OpenWorkshop) -> None:
        price = {"prompt": 1.0, "cached": 0.5, "completion": 2.0}
        workshop = open_workshop(prices={"fake-model": price})
        workshop.take_in(event("I play the cello.", tenant_id="acme"))
        workshop.extract_all()
        labels = {"model": "fake-model", "tenant": "acme"}
        kinds = ("prompt", "cached", "completion")
        tokens = {kind: count(workshop, "llm_tokens_total", type=kind, **labels) for kind in kinds}
        assert tokens["prompt"] > 0
        expected = (tokens["prompt"] - tokens["cached"]) + 0.5 * tokens["cached"] + 2 * tokens["completion"]
        assert count(workshop, "llm_cost_dollars_total", **labels) == pytest.approx(expected / 1_000_000)

    def test_one_that_is_given_up_on(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(max_attempts=1)
        llm.fail(faults.not_json())
        workshop.take_in(event("I play the cello."))
        workshop.extract_all()
        assert count(workshop, "extracted_conversations_total", outcome="dead") == 1
        assert count(workshop, "dead_letters_total", queue="extraction") == 1


class TestRemoving:
    def test_a_clear_counts_what_it_removes_by_scope_and_kind(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."), event("Not mine.", user="bob"))
        workshop.extract_all()
        clear(workshop)
        clear(workshop)
        assert memories(workshop, "delete", Scope.USER, Kind.EXCERPT) == 1
        assert memories(workshop, "delete", Scope.USER, Kind.FACT) == 1

    def test_a_clear_of_a_session_counts_its_own(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(lambda _: memory([Fact("Practises today.", scope="session")]))
        workshop.take_in(event("I play the cello.", session_id="s1"))
        workshop.extract_all()
        command = ClearMemories(user_id="ann", session_id="s1", reply_to=REPLY_TO)
        workshop.house.commands.commands(workshop.broker).run(command)
        assert memories(workshop, "delete", Scope.SESSION, Kind.FACT) == 1
        assert memories(workshop, "delete", Scope.USER, Kind.EXCERPT) == 1

    def test_notes_come_and_go(self, workshop: Workshop) -> None:
        commands = workshop.house.commands.commands(workshop.broker)
        note = AddMemory(user_id="ann", text="Plays the cello.", request_id="r1", reply_to=REPLY_TO)
        commands.run(note)
        commands.run(note)  # the same request, delivered again
        assert memories(workshop, "add", Scope.USER, Kind.NOTE) == 1
        [stored] = workshop.memories(kind=Kind.NOTE)
        commands.run(DeleteMemory(user_id="ann", memory_id=stored.id, reply_to=REPLY_TO))
        assert memories(workshop, "delete", Scope.USER, Kind.NOTE) == 1

    def test_those_whose_lifetime_has_ended(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(session_ttl=0.001)
        llm.answer_with(lambda _: memory([Fact("Practises today.", scope="session"), Fact("Plays the cello.")]))
        workshop.take_in(event("I play the cello.", session_id="s1"))
        workshop.extract_all()
        workshop.house.upkeep.expiry.drop_expired_memories()
        workshop.house.upkeep.expiry.drop_expired_memories()
        assert memories(workshop, "delete", Scope.SESSION, Kind.FACT) == 1
        assert memories(workshop, "delete", Scope.USER, Kind.FACT) == 0


class TestEdges:
    def test_the_embedder_is_measured_and_its_failures_are(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", "And the harp."))
        assert count(workshop, "embedder_seconds_count") == 1
        assert count(workshop, "embedder_texts_total", source="embedder") == 2
        workshop.embedder.fails = lambda _: True
        workshop.take_in(event("Nobody embeds this."))
        assert count(workshop, "embedder_errors_total") == 1
        assert count(workshop, "embedder_seconds_count") == 2

    def test_the_vector_store_is_measured_by_operation_and_its_failures_are(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        assert count(workshop, "vector_store_seconds_count", operation="insert") == 1
        workshop.store.down()
        workshop.take_in(event("And the harp."))
        assert count(workshop, "vector_store_seconds_count", operation="insert") == 2
        assert count(workshop, "vector_store_errors_total", operation="insert") == 1
        with pytest.raises(VectorStoreUnavailable):
            list(workshop.house.stores.vectors.scan(Filter((Match("tenant_id", ("default",)),))))
        assert count(workshop, "vector_store_errors_total", operation="scan") == 1
        assert count(workshop, "vector_store_seconds_count", operation="scan") == 1


class Broken(Exception):
    """The work's own fault."""


class TestQueues:
    @pytest.fixture
    def metrics(self) -> Metrics:
        return Metrics()

    @pytest.fixture
    def broker(self, redis_url: str, metrics: Metrics) -> Iterator[MendedBroker]:
        broker = build_broker(redis_url, middleware=[QueueInstruments(metrics)], pace=Pace(maintenance=0.1))
        yield broker
        broker.client.close()

    def test_a_message_waits_once(self, broker: MendedBroker, metrics: Metrics) -> None:
        work = Work(broker)
        message = work.actor.message("one")
        broker.enqueue(message.copy(message_timestamp=broker.clock.now_ms() - 5000))
        with working(broker):
            work.wait(1)
            wait_until(lambda: sample(metrics, "queue_wait_seconds_count", queue=QUEUE) == 1, what="its end")
        assert 5 <= (sample(metrics, "queue_wait_seconds_sum", queue=QUEUE) or 0) < 35
        assert sample(metrics, "message_retries_total", queue=QUEUE) is None

    def test_a_retry_is_counted_and_its_message_waits_until_it_is_settled(
        self, broker: MendedBroker, metrics: Metrics
    ) -> None:
        work = Work(broker, min_backoff=10, max_backoff=20)
        work.failure = Broken()
        broker.enqueue(work.actor.message("one"))
        with working(broker):
            wait_until(lambda: sample(metrics, "message_retries_total", queue=QUEUE), what="a retry")
            assert sample(metrics, "queue_wait_seconds_count", queue=QUEUE) is None
            work.failure = None
            work.wait(1)
            wait_until(lambda: sample(metrics, "queue_wait_seconds_count", queue=QUEUE) == 1, what="its end")

    def test_a_postponed_message_is_neither_settled_nor_a_retry(self, broker: MendedBroker, metrics: Metrics) -> None:
        work = Work(broker)
        work.failure = Postponed("not now")
        broker.enqueue(work.actor.message("one"))
        with working(broker):
            wait_until(lambda: work.started >= 2, what="another attempt")
            assert sample(metrics, "queue_wait_seconds_count", queue=QUEUE) is None
            assert sample(metrics, "message_retries_total", queue=QUEUE) is None

    def test_a_deferred_message_waits_alone_and_is_no_retry(self, broker: MendedBroker, metrics: Metrics) -> None:
        work = Work(broker, max_retries=0)
        work.failure = Deferred("not this one", delay=50)
        broker.enqueue(work.actor.message("one"))
        with working(broker):
            wait_until(lambda: work.started >= 2, what="another attempt")
            work.failure = None
            broker.enqueue(work.actor.message("two"))
            wait_until(lambda: sorted(work.done) == ["one", "two"], what="both")
        assert sample(metrics, "message_retries_total", queue=QUEUE) is None
        assert broker.admin.dead_messages(QUEUE, 10) == []

    def test_a_dead_one_is_not_settled(self, broker: MendedBroker, metrics: Metrics) -> None:
        work = Work(broker, max_retries=0)
        work.failure = Broken()
        broker.enqueue(work.actor.message("one"))
        with working(broker):
            wait_until(lambda: broker.admin.backlog(QUEUE).dead == 1, what="its death")
        assert sample(metrics, "queue_wait_seconds_count", queue=QUEUE) is None


class TestReadings:
    @pytest.fixture
    def readings(self, workshop: Workshop) -> Readings:
        return workshop.house.upkeep.readings(workshop.broker)

    @pytest.fixture
    def client(self, redis_url: str) -> Iterator[redis.Redis]:
        with redis.Redis.from_url(redis_url) as client:
            yield client

    def test_nothing_is_shown_before_it_was_read(self, workshop: Workshop) -> None:
        for name in ("redis_memory_bytes", "postgres_size_bytes", "vector_store_points", "breaker_open"):
            assert sample(workshop.house.metrics, name) is None

    def test_the_states_of_a_queue(self, workshop: Workshop, readings: Readings, client: redis.Redis) -> None:
        broker = workshop.broker
        sent_at = broker.clock.now_ms() - 60_000
        for number in range(5):
            self.send(client, f"m{number}", sent_at + number * 1000)
        consumer = broker.consume(Queue.CONVERSATIONS, prefetch=2)
        assert next(consumer) is not None
        client.hset(wire.messages_key(f"{Queue.CONVERSATIONS}.DQ"), "later", b"{}")
        client.zadd(f"{wire.queue_key(Queue.CONVERSATIONS)}.XQ", {"dead": 1})
        readings.read_redis()
        states = {
            state: count(workshop, "queue_messages", queue=Queue.CONVERSATIONS, state=state)
            for state in ("waiting", "in_flight", "delayed", "dead")
        }
        assert states == {"waiting": 3, "in_flight": 2, "delayed": 1, "dead": 1}
        assert 58 <= count(workshop, "oldest_message_age_seconds", queue=Queue.CONVERSATIONS) < 90
        for queue in set(Queue) - {Queue.CONVERSATIONS}:
            assert sample(workshop.house.metrics, "queue_messages", queue=queue, state="waiting") == 0
            assert sample(workshop.house.metrics, "oldest_message_age_seconds", queue=queue) == 0

    @pytest.mark.parametrize("head", [None, b"no JSON", b"{}", b'{"message_timestamp": "soon"}'])
    def test_a_place_without_a_message_that_tells_its_time_is_passed_over(
        self, workshop: Workshop, readings: Readings, client: redis.Redis, head: bytes | None
    ) -> None:
        client.rpush(wire.queue_key(Queue.CONTEXT), "first")
        if head is not None:
            client.hset(wire.messages_key(Queue.CONTEXT), "first", head)
        self.send(client, "second", workshop.broker.clock.now_ms() - 30_000, Queue.CONTEXT)
        readings.read_redis()
        assert 30 <= count(workshop, "oldest_message_age_seconds", queue=Queue.CONTEXT) < 60

    def test_the_memory_of_redis_and_its_bound(
        self, workshop: Workshop, readings: Readings, client: redis.Redis
    ) -> None:
        readings.read_redis()
        metrics = workshop.house.metrics
        assert (sample(metrics, "redis_memory_bytes") or 0) > 100_000
        assert sample(metrics, "redis_memory_max_bytes") is None
        client.config_set("maxmemory", 500_000_000)
        readings.read_redis()
        client.config_set("maxmemory", 0)
        assert sample(metrics, "redis_memory_max_bytes") == 500_000_000

    def test_what_waits_in_the_ledger(self, workshop: Workshop, readings: Readings) -> None:
        workshop.store.down()
        workshop.take_in(*(event("Hello.", user=f"user-{number}") for number in range(4)))
        workshop.rows("UPDATE subjects SET due_at = now() - interval '50 seconds' WHERE user_id = 'user-0'")
        workshop.rows("UPDATE subjects SET due_at = now() + interval '50 seconds' WHERE user_id = 'user-1'")
        workshop.rows("UPDATE subjects SET lease_until = now() + interval '1 hour' WHERE user_id = 'user-2'")
        readings.read_ledger()
        states = {state: count(workshop, "subjects_waiting", state=state) for state in ("later", "due", "claimed")}
        assert states == {"later": 1, "due": 2, "claimed": 1}
        assert 50 <= count(workshop, "oldest_due_subject_age_seconds") < 90
        assert count(workshop, "excerpts_wanting") == 4
        assert count(workshop, "postgres_size_bytes") > 1_000_000
        assert sample(workshop.house.metrics, "breaker_open") == 0

    def test_deletions_that_the_vector_store_still_has_to_carry_out(
        self, workshop: Workshop, readings: Readings
    ) -> None:
        workshop.take_in(event("Hello."), event("Hi.", user="bob"), event("Hey.", user="cat"))
        commands = workshop.house.commands.commands(workshop.broker)
        commands.run(ClearMemories(user_id="cat", reply_to=REPLY_TO))
        readings.read_ledger()
        assert sample(workshop.house.metrics, "deletions_pending") == 0
        assert sample(workshop.house.metrics, "oldest_pending_deletion_age_seconds") == 0
        workshop.store.down()
        for user in ("ann", "bob"):
            commands.run(ClearMemories(user_id=user, reply_to=REPLY_TO))
        workshop.rows("UPDATE deletions SET requested_at = now() - interval '50 seconds' WHERE user_id = 'ann'")
        readings.read_ledger()
        assert count(workshop, "deletions_pending") == 2
        assert 50 <= count(workshop, "oldest_pending_deletion_age_seconds") < 90

    def test_a_ledger_in_which_nothing_waits(self, workshop: Workshop, readings: Readings) -> None:
        readings.read_ledger()
        metrics = workshop.house.metrics
        assert sample(metrics, "oldest_due_subject_age_seconds") == 0
        assert {sample(metrics, "dead_letters_standing", queue=queue) for queue in Queue} == {0}

    def test_the_size_of_the_vector_store(self, workshop: Workshop, readings: Readings) -> None:
        workshop.take_in(event("I play the cello.", "And the harp."))
        workshop.extract_all()
        readings.read_vector_store()
        readings.count_memories()
        metrics = workshop.house.metrics
        assert sample(metrics, "vector_store_points") == 4
        assert sample(metrics, "vector_store_dimensions") == workshop.embedder.identity.dimensions
        assert (sample(metrics, "vector_store_disk_bytes") or 0) > 0
        assert sample(metrics, "vector_store_memory_bytes") is None
        assert sample(metrics, "vector_store_memories", scope=Scope.USER, kind=Kind.EXCERPT) == 2
        assert sample(metrics, "vector_store_memories", scope=Scope.AGENT, kind=Kind.FACT) == 0

    def test_a_server_that_is_away_is_down_and_its_gauges_are_gone(self, workshop: Workshop) -> None:
        metrics = workshop.house.metrics
        away = build_broker("redis://127.0.0.1:1/0")
        database = Database("postgresql://127.0.0.1:1/none")
        there = workshop.house.upkeep.readings(workshop.broker)
        gone = Readings(database=database, admin=workshop.house.stores.admin, queues=away.admin, metrics=metrics)
        names = {
            "redis": "redis_memory_bytes",
            "postgres": "postgres_size_bytes",
            "vector_store": "vector_store_points",
        }
        for read in (there.read_redis, there.read_ledger, there.read_vector_store):
            read()
        for component, name in names.items():
            assert sample(metrics, "component_up", component=component) == 1
            assert sample(metrics, name) is not None
        workshop.store.close()
        for read, error in (
            (gone.read_redis, MemoryUnavailable),
            (gone.read_ledger, LedgerUnavailable),
            (gone.read_vector_store, VectorStoreUnavailable),
        ):
            with pytest.raises(error):
                read()
        for component, name in names.items():
            assert sample(metrics, "component_up", component=component) == 0
            assert sample(metrics, name) is None
        assert sample(metrics, "queue_messages", queue=Queue.CONTEXT, state="waiting") is None
        database.close()

    def send(self, client: redis.Redis, message_id: str, at_ms: int, queue: Queue = Queue.CONVERSATIONS) -> None:
        encoded = wire.encode_message(queue, event("Hello."), now_ms=at_ms, message_id=message_id)
        client.hset(wire.messages_key(queue), message_id, encoded)
        client.rpush(wire.queue_key(queue), message_id)


class TestScheduler:
    def test_runs_are_counted_by_outcome(self, database: Database) -> None:
        metrics = Metrics()

        def away() -> None:
            raise LedgerUnavailable("PostgreSQL is away")

        def defective() -> None:
            raise ZeroDivisionError

        tasks = [Task("well", 0.0, lambda: None), Task("away", 0.0, away), Task("defective", 0.0, defective)]
        scheduler = Scheduler(tasks, leadership=Leadership(database), metrics=metrics)
        scheduler.start()
        ended = (("well", "ok"), ("away", "failed"), ("defective", "defective"))
        wait_until(
            lambda: all(
                sample(metrics, "scheduler_task_runs_total", task=task, outcome=outcome) for task, outcome in ended
            ),
            what="a run of each",
        )
        scheduler.stop(5)
        assert sample(metrics, "scheduler_task_runs_total", task="away", outcome="ok") == 0
        assert sample(metrics, "scheduler_leader") == 1
        assert (sample(metrics, "scheduler_task_last_success_timestamp_seconds", task="well") or 0) > 1.7e9
        assert sample(metrics, "scheduler_task_last_success_timestamp_seconds", task="away") is None
        assert (sample(metrics, "scheduler_task_seconds_count", task="away") or 0) >= 1

    def test_what_all_do_is_done_without_the_lead_too(self) -> None:
        database, metrics, ran = Database("postgresql://127.0.0.1:1/none"), Metrics(), list[str]()
        tasks = [
            Task("lead", 0.0, lambda: ran.append("lead")),
            Task("all", 0.0, lambda: ran.append("all"), by_all=True),
        ]
        scheduler = Scheduler(tasks, leadership=Leadership(database), metrics=metrics)
        scheduler.start()
        wait_until(lambda: len(ran) >= 3, what="three turns")
        scheduler.stop(5)
        database.close()
        assert set(ran) == {"all"}
        assert sample(metrics, "scheduler_leader") == 0
