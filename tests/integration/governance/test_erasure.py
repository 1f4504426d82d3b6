"""Erasing a user: gone from every store, proven by a scan, and told by a receipt."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from sqlalchemy import text

from afterword.schemas import AddMemory, Kind, wire
from afterword.schemas.commands import UpdateMemory
from afterword.schemas.erasures import EraseUser, ErasureReceipt, ErasureState, ErasureStatus, GetErasure, VerifyErased
from afterword.schemas.keys import ApiKey, CallerRole, CreateKey
from afterword.schemas.registry import SetAgent
from afterword.schemas.wire import Queue
from afterword.workers.core.errors import BeingErased, LedgerRefused, NotFound
from afterword.workers.core.messages import QueryEvent, QueryEvents
from afterword.workers.services.analytics import telemetry
from afterword.workers.services.governance import erasing
from afterword.workers.services.governance.erasing import Erasing
from afterword.workers.services.governance.ledger_removal import (
    IN_BATCHES,
    NOT_PERSONAL,
    WITH_THE_RECEIPT,
    LedgerRemoval,
)
from afterword.workers.services.governance.queue_removal import QueueRemoval
from afterword.workers.services.governance.residue import ResidueScan
from afterword.workers.services.governance.store_removal import StoreRemoval
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.stores.ledger import database, erasures
from afterword.workers.stores.ledger.schema import TABLES
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from afterword.workers.stores.vectors.queries import Filter, Point
from tests.support.canaries import canary
from tests.support.extractions import facts
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Crash, Workshop, crash, event


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as opened:
        yield opened


@pytest.fixture
def without_files(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the files of the vector store: they are proven once, and take most of the time."""
    monkeypatch.setattr(workshop.store, "rewrite", lambda: True)
    monkeypatch.setattr(workshop.store, "folder", lambda: None)


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made = command(reply_to=REPLY_TO, **given)
    return workshop.house.commands.commands(workshop.broker).run(made)


def ask_to_erase(workshop: Workshop, user: str = "ann", **how: Any) -> str:
    asked = run(workshop, EraseUser, user_id=user, **how)
    assert asked.status is ErasureStatus.RUNNING
    return str(asked.erasure_id)


def carry_on(workshop: Workshop) -> None:
    workshop.house.governance.erasing(workshop.broker).carry_on()


def state(workshop: Workshop, erasure_id: str) -> ErasureState:
    found = run(workshop, GetErasure, erasure_id=erasure_id)
    assert isinstance(found, ErasureState)
    return found


def erase(workshop: Workshop, user: str = "ann", **how: Any) -> ErasureReceipt:
    erasure_id = ask_to_erase(workshop, user, **how)
    carry_on(workshop)
    found = state(workshop, erasure_id)
    assert found.receipt is not None, found
    assert found.receipt.residue.clean, {k: v for k, v in found.receipt.residue.places.items() if v.found}
    return found.receipt


def dump(workshop: Workshop, client: Any) -> bytes:
    """Everything that lies in any store, row by row, key by key, file by file."""
    rows = [str(row) for table in TABLES for row in workshop.rows(f"SELECT t::text FROM {table.name} AS t")]
    bodies = [bytes(row.body) for row in workshop.rows("SELECT body FROM dead_letters")]
    dumped = [*(row.encode() for row in rows), *bodies]
    for key in client.scan_iter():
        dumped += [key, client.dump(key) or b""]
        match client.type(key):
            case b"hash":
                dumped += [part for pair in client.hgetall(key).items() for part in pair]
            case b"list":
                dumped += client.lrange(key, 0, -1)
            case b"string":
                dumped.append(client.get(key) or b"")
    if (folder := workshop.house.stores.admin.folder()) is not None:
        dumped += [data for file in folder.rglob("*") if file.is_file() for data in without_holes(file)]
    return b"\n".join(dumped)


def without_holes(file: Path) -> Iterator[bytes]:
    """All pages of a file that are not zeros: a store's files are mostly holes, 200 MB of them."""
    with file.open("rb") as opened:
        at, size = 0, file.stat().st_size
        while at < size:
            try:
                at = os.lseek(opened.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(opened.fileno(), at, os.SEEK_HOLE)
            yield os.pread(opened.fileno(), end - at, at)
            at = end


def put_in_queue(client: redis.Redis, queue: str, body: Any, *, key: str | None = None) -> None:
    message_id = uuid4().hex
    message = {
        "queue_name": queue,
        "actor_name": "any",
        "args": [body],
        "kwargs": {},
        "options": {"redis_message_id": message_id},
        "message_id": message_id,
        "message_timestamp": int(datetime.now(UTC).timestamp() * 1000),
    }
    client.hset(wire.messages_key(key or queue), message_id, json.dumps(message))


USER = "ann-of-the-canaries"
IDS = ("session", "event", "run", "message-id", "agent-owner")
KINDS = {
    **{
        kind: canary(kind)
        for kind in (
            "said", "answered", "speaker", "metadata", "fact", "session-fact", "agent-fact", "note", "note-metadata",
            "query", "queued", "delayed", "dead-in-redis", "letter", "foreign-letter", "reply", "key-name",
            "last-error",
        )
    },
    # Logs hold ids, and must hold no canary.
    **{kind: f"the-id-of-a-{kind}-7c1f" for kind in IDS},
}  # fmt: skip


def live(workshop: Workshop, client: redis.Redis, llm: FakeOpenAI) -> None:
    """A life that leaves a canary of every kind."""
    k, database = KINDS, workshop.database
    llm.answer_with(
        given(
            Fact(f"Plays the {k['fact']}"),
            Fact(f"Answers about {k['agent-fact']} come in short", "agent"),
            Fact(f"Talks of {k['session-fact']}", "session"),
        )
    )
    said = event("anything", agent_id="coach", session_id=k["session"], event_id=k["event"], run_id=k["run"], user=USER)
    messages = [
        {"role": "user", "content": f"My {k['said']} is old", "id": k["message-id"], "name": k["speaker"]},
        {"role": "assistant", "content": f"How old is the {k['answered']}, do you think?"},
    ]
    body = {**said.model_dump(mode="json"), "messages": messages, "metadata": {"from": k["metadata"]}}
    workshop.take_in(type(said).parse(body))
    workshop.extract_all()
    run(workshop, AddMemory, user_id=USER, text=f"Owns a {k['note']}", metadata={"why": k["note-metadata"]})
    [note] = workshop.memories(kind=Kind.NOTE)
    run(workshop, UpdateMemory, user_id=USER, memory_id=note.id, text="Owns nothing of the kind")
    query = QueryEvent(tenant_id="default", user_id=USER, at=datetime.now(UTC), query=f"where is {k['query']}", **PLAIN)
    telemetry.record(database, workshop.house.memories.books, QueryEvents(events=(query,)))
    put_in_queue(client, "conversations", {"user_id": USER, "messages": [k["queued"]]})
    put_in_queue(client, "conversations", {"user_id": USER, "messages": [k["delayed"]]}, key="conversations.DQ")
    put_in_queue(client, "context", {"userId": USER, "query": k["dead-in-redis"]}, key="context.XQ")
    for user_id, word in ((USER, k["letter"]), (None, k["foreign-letter"])):
        letter = json.dumps({"args": [{"user": USER, "messages": word}]}).encode()
        kept = DeadLetter(uuid4().hex, "conversations", f"{word}", letter, datetime.now(UTC), "default", user_id)
        with database.transaction() as connection:
            dead_letters.write(connection, [kept])
    client.rpush(f"{wire.REPLY_PREFIX}{uuid4().hex}", json.dumps({"result": {"user_id": USER, "text": k["reply"]}}))
    key = ApiKey.draw()
    made = {"key_id": key.id, "secret_hash": key.hash, "account": USER, "roles": [CallerRole.USER], "user_id": USER}
    run(workshop, CreateKey, name=k["key-name"], **made)
    run(workshop, SetAgent, agent_id="their-own", owner_id=USER, asked_by=USER)
    workshop.rows("UPDATE subjects SET last_error = :said WHERE user_id = :user", said=k["last-error"], user=USER)


PLAIN = {
    "query_length": 9, "query_hash": "0" * 16, "result_count": 1, "result_length": 10, "gate_passed": True,
    "has_memories": True, "degraded": (), "seconds": 0.1,
}  # fmt: skip


def test_nothing_of_a_life_is_left_in_any_store(workshop: Workshop, client: redis.Redis, llm: FakeOpenAI) -> None:
    live(workshop, client, llm)
    llm.answer_with(given())
    workshop.take_in(event("Bob plays the triangle, and nobody minds.", user="bob-who-stays", agent_id="coach"))
    before = dump(workshop, client)
    there = [kind for kind, word in KINDS.items() if word.encode() in before and kind != "agent-owner"]
    assert len(there) >= 20, set(KINDS) - set(there)

    receipt = erase(workshop, USER, asked_by="the admin")

    after = dump(workshop, client)
    left = [kind for kind, word in {**KINDS, "user": USER}.items() if word.encode() in after]
    assert left == []
    assert b"bob-who-stays" in after
    assert receipt.asked_by == "the admin"
    assert receipt.removed["sample"] == {
        "user.excerpt": 2,
        "user.fact": 1,
        "user.note": 1,
        "session.fact": 1,
        "agent.fact": 1,
    }
    assert receipt.removed["queues"]["messages"] == 3
    assert receipt.removed["ledger"]["conversations"] == 1
    assert receipt.removed["ledger"]["keys"] == 1
    assert receipt.residue.phrases > 0
    assert any("write-ahead" in reason for reason in receipt.residue.not_looked_into)
    assert run(workshop, VerifyErased, user_id=USER).clean


@pytest.mark.usefixtures("without_files")
class TestWhatAgentsLearned:
    def test_it_is_removed_with_them_and_that_of_others_stays(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, "ann", "Answers about plumbing come in short")
        learn(workshop, llm, "bob", "Questions about tax come in long")
        receipt = erase(workshop)
        assert facts(workshop, agent_id="coach") == ["Questions about tax come in long"]
        assert (receipt.learned, receipt.removed["memories"]["agents_memories"]) == ("removed", 1)

    def test_it_is_kept_by_choice_and_does_not_tell_of_them(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, "ann", "Answers about plumbing come in short")
        receipt = erase(workshop, keep_learned=True)
        [kept] = workshop.memories()
        assert (kept.text, kept.event_id, kept.message) == ("Answers about plumbing come in short", None, None)
        assert workshop.rows("SELECT event_id FROM memories") == [(None,)]
        assert receipt.learned == "kept"


def learn(workshop: Workshop, llm: FakeOpenAI, user: str, text: str) -> None:
    llm.answer_with(given(Fact(text, "agent")))
    workshop.take_in(event("How do I do that, please?", user=user, agent_id="coach", event_id=f"event-of-{user}"))
    workshop.extract_all()


def now(seconds: float = 0.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.usefixtures("without_files")
class TestWorkInFlight:
    """Whatever a worker has in its hands when somebody is erased, it does not bring them back."""

    @pytest.fixture(autouse=True)
    def nothing_is_left(
        self,
        workshop: Workshop,
        client: redis.Redis,
        without_files: None,  # noqa: ARG002  # undone after this
    ) -> Iterator[None]:
        yield
        assert workshop.memories(user_id="ann-of-the-fence") == []
        assert run(workshop, VerifyErased, user_id="ann-of-the-fence").clean
        assert b"ann-of-the-fence" not in dump(workshop, client)

    def test_a_conversation(self, workshop: Workshop) -> None:
        erase(workshop, "ann-of-the-fence")
        assert workshop.take_in(event("I play the cello.", user="ann-of-the-fence")) == [Outcome.ERASED]
        registry = workshop.house.metrics.registry
        assert registry.get_sample_value("afterword_ingested_conversations_total", {"outcome": "erased"}) == 1
        assert registry.get_sample_value("afterword_erasures_total", {"outcome": "clean"}) == 1

    def test_a_conversation_waits_while_the_erasure_runs(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", user="ann-of-the-fence"))
        ask_to_erase(workshop, "ann-of-the-fence")
        with pytest.raises(BeingErased):
            workshop.take_in(event("I also play the harp.", user="ann-of-the-fence", occurred_at=now(5)))
        carry_on(workshop)

    def test_excerpts(self, workshop: Workshop) -> None:
        workshop.store.before["insert"] = lambda: run_once(workshop, lambda: ask_to_erase(workshop, "ann-of-the-fence"))
        workshop.take_in(event("I play the cello.", user="ann-of-the-fence"))
        carry_on(workshop)

    def test_an_answer_of_the_llm(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Plays the cello"), Fact("Short answers", "agent")))
        workshop.take_in(event("I play the cello.", user="ann-of-the-fence", agent_id="coach"))
        workshop.llm.after = lambda: erase_now(workshop, "ann-of-the-fence")
        workshop.extract_all()
        assert workshop.memories() == []
        assert [row.user_id for row in workshop.rows("SELECT user_id FROM llm_calls")] == [""], "it was paid for"

    def test_facts_that_are_being_written(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Plays the cello"), Fact("Short answers", "agent")))
        workshop.take_in(event("I play the cello.", user="ann-of-the-fence", agent_id="coach"))
        workshop.store.after["insert"] = lambda: run_once(workshop, lambda: erase_now(workshop, "ann-of-the-fence"))
        workshop.extract_all()
        assert workshop.memories() == []

    def test_a_note(self, workshop: Workshop) -> None:
        workshop.embedder.before = lambda: erase_now(workshop, "ann-of-the-fence")
        with pytest.raises(NotFound):
            run(workshop, AddMemory, user_id="ann-of-the-fence", text="Plays the cello")

    def test_a_query_that_is_written_down_late(self, workshop: Workshop) -> None:
        def record(at: datetime) -> None:
            asked = QueryEvent(tenant_id="default", user_id="ann-of-the-fence", at=at, **PLAIN)
            telemetry.record(workshop.database, workshop.house.memories.books, QueryEvents(events=(asked,)))

        before = now()
        ask_to_erase(workshop, "ann-of-the-fence")
        record(now(5))
        carry_on(workshop)
        record(before)

    def test_a_dead_message_that_is_copied_late(self, workshop: Workshop, client: Any) -> None:
        sweeps = workshop.house.upkeep.sweeps(workshop.broker)
        put_in_queue(client, "conversations", {"user_id": "ann-of-the-fence"}, key="conversations.XQ")
        client.zadd(f"{wire.queue_key('conversations')}.XQ", {client.hkeys("afterword:conversations.XQ.msgs")[0]: 1})
        dead = workshop.broker.admin.dead_messages("conversations", 10)
        erase(workshop, "ann-of-the-fence")
        sweeps._copy(Queue.CONVERSATIONS, dead)

    def test_what_a_paused_worker_writes_is_removed_an_hour_later(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", user="ann-of-the-fence"))
        [point] = list(workshop.store.scan(Filter()))
        workshop.rows("UPDATE conversations SET excerpts_at = NULL")
        erase(workshop, "ann-of-the-fence")
        workshop.store.insert([Point(point.id, [1.0] * 128, point.payload)])
        workshop.rows("UPDATE erasures SET requested_at = requested_at - interval '61 minutes'")
        workshop.house.governance.erasing(workshop.broker).settle()
        assert workshop.memories() == []


def run_once(workshop: Workshop, act: Callable[[], object]) -> None:
    workshop.store.up()
    act()


def erase_now(workshop: Workshop, user: str) -> None:
    workshop.llm.after = workshop.embedder.before = lambda: None
    erase(workshop, user)


@pytest.mark.usefixtures("without_files")
class TestSomebodyWhoComesBack:
    def test_is_new(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        workshop.take_in(event("I play the cello.", session_id="one"))
        workshop.extract_all()
        erase(workshop)
        llm.answer_with(given(Fact("Plays the harp")))
        old = {"role": "user", "content": "I play the cello.", "created_at": now(-60).isoformat()}
        new = {"role": "user", "content": "I play the harp.", "created_at": now(60).isoformat()}
        goes_on = event("anything", session_id="one", occurred_at=now(60))
        body = {**goes_on.model_dump(mode="json"), "messages": [old, new]}
        assert workshop.take_in(type(goes_on).parse(body)) == [Outcome.STORED]
        workshop.extract_all()
        assert workshop.texts() == ["I play the harp.", "Plays the harp"]
        assert run(workshop, AddMemory, user_id="ann", text="Likes tea").text == "Likes tea"
        assert not run(workshop, VerifyErased, user_id="ann").clean, "they are here again"

    def test_can_be_erased_again(self, workshop: Workshop) -> None:
        erase(workshop)
        workshop.take_in(event("I play the harp.", occurred_at=now(1)))
        workshop.rows("UPDATE erasures SET requested_at = requested_at - interval '1 day'")
        assert erase(workshop).removed["ledger"]["conversations"] == 1


@pytest.mark.usefixtures("without_files")
def test_asking_twice_is_one_erasure_and_nobody_elses(workshop: Workshop) -> None:
    first, again = ask_to_erase(workshop), ask_to_erase(workshop)
    assert first == again
    with pytest.raises(NotFound):
        run(workshop, GetErasure, erasure_id=first, tenant_id="other")
    carry_on(workshop)
    assert state(workshop, first).receipt is not None
    told = workshop.rows("SELECT user_id, type, metadata FROM audit ORDER BY id")
    assert [(row.user_id, row.type) for row in told] == [(None, "user_erase"), (None, "user_erased")]


STEPS: list[tuple[Any, ...]] = [
    # The process ends before, or after the step and before that is noted.
    (StoreRemoval, "sample", "after"),
    (StoreRemoval, "remove", "before", "after"),
    (QueueRemoval, "remove", "after"),
    (LedgerRemoval, "remove", "before", "after"),
    (Erasing, "_pseudonymise", "after"),
    (Erasing, "_rewrite_files", "after"),
    (ResidueScan, "scan", "after"),
    (erasures, "note_removed", "before"),
    (erasures, "go_on", "after"),
    (erasures, "finish", "after"),
]


@pytest.mark.usefixtures("without_files")
def test_a_process_that_ends_at_any_step_is_followed_by_one_that_finishes(
    workshop: Workshop, llm: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (owner, name, *moments) in enumerate(STEPS):
        for when in moments:
            user = f"user-{number}-{when}"
            learn(workshop, llm, user, f"Lesson {number} {when} of the whole day")
            erasure_id = ask_to_erase(workshop, user)
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, crashing(getattr(owner, name), when))
                with pytest.raises(Crash):
                    carry_on(workshop)
            carry_on(workshop)
            receipt = state(workshop, erasure_id).receipt
            assert receipt is not None, (name, when)
            assert receipt.residue.clean, (name, when)
            assert receipt.removed["sample"] == {"agent.fact": 1, "user.excerpt": 1}, (name, when)
            assert receipt.removed["ledger"]["conversations"] == 1, (name, when)
            assert receipt.removed["audit"]["audit"] >= 3, (name, when)
            assert workshop.memories() == []


def crashing(real: Callable[..., Any], when: str) -> Callable[..., Any]:
    def crashes(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            real(*args, **kwargs)
        crash()

    return crashes


@pytest.mark.usefixtures("without_files")
def test_a_store_that_is_away_delays_an_erasure(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello."))
    erasure_id = ask_to_erase(workshop)
    workshop.store.down()
    carry_on(workshop)
    assert state(workshop, erasure_id).step == "sample"
    workshop.store.up()
    carry_on(workshop)
    assert state(workshop, erasure_id).status is ErasureStatus.DONE


@pytest.mark.usefixtures("without_files")
def test_one_that_cannot_be_carried_out_holds_up_no_other(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "_AT_ONCE", 1)
    real = StoreRemoval.sample

    def refused(self: StoreRemoval, erasure: Any, note: Any) -> None:
        if erasure.user_id == "first":
            raise LedgerRefused("PostgreSQL refuses it")
        real(self, erasure, note)

    monkeypatch.setattr(StoreRemoval, "sample", refused)
    first, second = ask_to_erase(workshop, "first"), ask_to_erase(workshop, "second")
    for _ in range(64):
        carry_on(workshop)
        if state(workshop, second).status is ErasureStatus.DONE:
            break
    assert state(workshop, second).status is ErasureStatus.DONE
    assert state(workshop, first).step == "sample"


@pytest.mark.usefixtures("without_files")
def test_one_that_another_leader_has_finished_is_left_alone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = QueueRemoval.remove

    def overtaken(self: QueueRemoval, erasure: Any, note: Any) -> None:
        monkeypatch.setattr(QueueRemoval, "remove", real)
        carry_on(workshop)
        workshop.take_in(event("I play the harp.", occurred_at=now(60)))
        real(self, erasure, note)

    monkeypatch.setattr(QueueRemoval, "remove", overtaken)
    erasure_id = ask_to_erase(workshop)
    carry_on(workshop)
    assert state(workshop, erasure_id).receipt is not None
    assert workshop.texts() == ["I play the harp."]
    assert [row.user_id for row in workshop.rows("SELECT user_id FROM conversations")] == ["ann"]


@pytest.mark.usefixtures("without_files")
def test_tables_that_cannot_be_vacuumed_now_are_vacuumed_later(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewritten: list[str] = []
    monkeypatch.setattr(workshop.store, "rewrite", lambda: rewritten.append("anew") is None)
    monkeypatch.setattr(database, "_VACUUM_WAITS_MS", 50)
    erasure_id = ask_to_erase(workshop)
    with workshop.database.transaction() as connection:
        connection.execute(text("LOCK TABLE milestones IN ACCESS EXCLUSIVE MODE"))
        carry_on(workshop)
    assert (state(workshop, erasure_id).step, rewritten) == ("files", []), "no file is rewritten for nothing"
    carry_on(workshop)
    assert state(workshop, erasure_id).status is ErasureStatus.DONE


def test_every_table_is_classified(workshop: Workshop) -> None:
    treated = set(LedgerRemoval(workshop.house.memories.books).treatments)
    groups = [treated, NOT_PERSONAL, WITH_THE_RECEIPT, IN_BATCHES]
    assert sorted(name for group in groups for name in group) == sorted(table.name for table in TABLES)
    naming = {table.name for table in TABLES if "user_id" in table.c}
    assert not naming & NOT_PERSONAL
