"""The archive and the cap, over real servers: what leaves recall, what comes back, what goes first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed, Memory, MemoryClient
from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.core.messages import QueryEvent, QueryEvents
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.services.analytics import telemetry
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.queries import Filter
from tests.fixtures.workshops import OpenWorkshop
from tests.integration.governance.test_policies import counted, run, said, write
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import Workshop, event, question, store_down

ARCHIVING = {"archive_after_days": 30, "archive_below": 0.9}


@pytest.fixture
def client(workshop: Workshop, redis_url: str) -> Iterator[MemoryClient]:
    role = start_role(Role.COMMANDS, workshop.house)
    with MemoryClient(redis_url) as client:
        yield client
    role.stop(10)


def recalled(workshop: Workshop, query: str | None, **more: Any) -> list[str]:
    return [memory.text for memory in workshop.ask(question(query, **more)).memories]


def ids(workshop: Workshop) -> dict[str, str]:
    return {memory.text: memory.id for memory in workshop.memories()}


def use(workshop: Workshop, *memory_ids: str, at: datetime | None = None) -> None:
    """A context gave these memories, as telemetry tells it."""
    told = QueryEvent(
        tenant_id="default",
        user_id="ann",
        at=at or datetime.now(UTC),
        query_length=1,
        result_length=1,
        result_count=len(memory_ids),
        seconds=0.01,
        memory_ids=tuple(UUID(each) for each in memory_ids),
    )
    telemetry.record(workshop.database, workshop.house.memories.books, QueryEvents(events=(told,)))


class TestArchive:
    def test_what_nobody_recalls_leaves_every_recall_and_comes_back(
        self, workshop: Workshop, client: MemoryClient
    ) -> None:
        said(workshop, "My cello is called Ophelia.", "I keep bees in the garden.", days=40, session_id="s")
        write(workshop, ARCHIVING)
        bees = "I keep bees in the garden."
        use(workshop, ids(workshop)[bees])
        assert recalled(workshop, "What is my cello called?")[0] == "My cello is called Ophelia."
        assert counted(run(workshop, dry_run=True)) == {"archive user excerpt": 1}
        assert counted(run(workshop)) == {"archive user excerpt": 1}

        # By meaning and words, as what is newest, always, beside its neighbour, and by the thread.
        for query in ("What is my cello called? Ophelia?", "Do I keep bees?", None, "What did I say in this thread?"):
            for more in ({}, {"session_id": "s"}, {"always": True}):
                assert "My cello is called Ophelia." not in recalled(workshop, query, **more)
        assert [each.text for each in client.memories.list(user_id="ann").memories] == [bees]
        assert [each.text for each in client.memories.search("cello Ophelia", user_id="ann").memories] == [bees]
        related = client.memories.related(ids(workshop)[bees], user_id="ann").related
        assert related == ()

        [archived] = client.memories.list(user_id="ann", archived=True).memories
        assert (archived.text, archived.archived) == ("My cello is called Ophelia.", True)
        [found] = client.memories.search("cello", user_id="ann", archived=True).memories
        assert found.id == archived.id
        assert client.memories.get(archived.id, user_id="ann").archived
        assert client.memories.search("cello", user_id="bob", archived=True).memories == ()

        with pytest.raises(CommandFailed, match="not_found"):
            client.memories.restore(archived.id, user_id="bob")
        back = client.memories.restore(archived.id, user_id="ann", asked_by="root")
        assert (back.id, back.archived) == (archived.id, False)
        assert client.memories.restore(archived.id, user_id="ann") == back
        assert recalled(workshop, "What is my cello called?")[0] == "My cello is called Ophelia."
        # It was of use just now: the next run leaves it.
        assert run(workshop).counts == ()
        told = [
            (row.type, row.metadata.get("by"))
            for row in workshop.audited()
            if "archive" in row.type or "restore" in row.type
        ]
        assert told == [("memory_archive", "root"), ("memory_restore", "root")]

    def test_it_is_kept_until_its_retention_ends(self, workshop: Workshop) -> None:
        said(workshop, "I keep bees.", days=40)
        write(workshop, ARCHIVING | {"keep_days": {"all": 60}})
        assert counted(run(workshop)) == {"archive user excerpt": 1}
        workshop.rows("UPDATE memories SET created_at = created_at - interval '30 days'")
        assert counted(run(workshop)) == {"retention user excerpt": 1}
        assert workshop.memories() == []

    def test_what_matters_and_what_was_written_by_hand_stays(self, workshop: Workshop, client: MemoryClient) -> None:
        client.memories.add("Prefers tea", user_id="ann")
        said(workshop, "I keep bees.", days=40)
        workshop.rows(
            "UPDATE memories SET created_at = now() - interval '40 days', importance = 0.2 WHERE kind = 'note'"
        )
        workshop.rows("UPDATE memories SET importance = 0.95 WHERE kind = 'excerpt'")
        write(workshop, ARCHIVING)
        assert run(workshop).counts == ()

    def test_importance_that_the_ledger_does_not_know_is_read_from_the_store(self, workshop: Workshop) -> None:
        said(workshop, "I keep bees.", days=40)
        workshop.rows("UPDATE memories SET importance = NULL")
        write(workshop, ARCHIVING)
        assert counted(run(workshop)) == {"archive user excerpt": 1}
        [memory] = workshop.memories()
        assert workshop.rows("SELECT importance FROM memories")[0].importance == memory.importance

    def test_nothing_counts_as_unused_for_longer_than_uses_are_noted(self, workshop: Workshop) -> None:
        said(workshop, "I keep bees.", days=400)
        workshop.rows("INSERT INTO milestones VALUES ('uses_noted_since', now() - interval '10 days')")
        write(workshop, ARCHIVING)
        assert run(workshop).counts == ()

    def test_without_analytics_nothing_is_archived(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(analytics=False, archive_after_days=30, archive_below=1.0)
        said(workshop, "I keep bees.", days=40)
        assert (run(workshop, dry_run=True).counts, run(workshop).counts) == ((), ())

    def test_while_the_store_is_away_nothing_is_noted(self, workshop: Workshop) -> None:
        said(workshop, "I keep bees.", days=40)
        write(workshop, ARCHIVING)
        workshop.store.before["set_payload"] = store_down
        with pytest.raises(VectorStoreUnavailable):
            run(workshop)
        assert workshop.rows("SELECT count(*) AS n FROM memories WHERE archived_at IS NOT NULL")[0].n == 0

    def test_what_is_learned_again_comes_back(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Keeps bees", "user")))
        workshop.take_in(event("I keep bees."))
        workshop.extract_all()
        workshop.rows("UPDATE memories SET created_at = now() - interval '40 days'")
        write(workshop, ARCHIVING)
        assert counted(run(workshop))["archive user fact"] == 1
        workshop.take_in(event("As I said, I keep bees."))
        workshop.extract_all()
        [fact] = workshop.memories(kind="fact")
        assert not fact.archived
        assert "memory_restore" in workshop.audit_types()
        assert workshop.rows("SELECT archived_at, importance FROM memories WHERE kind = 'fact'") == [
            (None, fact.importance)
        ]


class TestUses:
    def test_they_are_noted_by_the_hour_once_for_all(self, workshop: Workshop) -> None:
        workshop.take_in(event("I keep bees.", "I like tea."))
        tea, now = ids(workshop)["I like tea."], datetime.now(UTC)
        last = "SELECT last_used_at FROM memories WHERE id = :id"
        for ago, noted in ((120, 120), (90, 120), (10, 10), (60, 10)):
            use(workshop, tea, str(uuid4()), at=now - timedelta(minutes=ago))
            assert workshop.rows(last, id=tea)[0].last_used_at == now - timedelta(minutes=noted)
        assert workshop.rows(last, id=ids(workshop)["I keep bees."])[0].last_used_at is None

    def test_a_context_tells_which_it_gave(self, workshop: Workshop) -> None:
        from afterword.workers.actors.context import query_event

        workshop.take_in(event("I keep bees."))
        asked = question("Do I keep bees?")
        told = query_event(asked, workshop.house.recall.answerer.answer(asked))
        assert [str(each) for each in told.memory_ids] == list(ids(workshop).values())


class TestCap:
    def test_the_least_useful_go_first(self, workshop: Workshop, client: MemoryClient) -> None:
        client.memories.add("By hand", user_id="ann")
        said(workshop, "archived", "dull", "dull but used", "dear", days=3)
        workshop.rows("UPDATE memories SET created_at = now() - interval '3 days'")
        said(workshop, "fresh")
        known = ids(workshop)
        weights = {"archived": 0.9, "dull": 0.11, "dull but used": 0.19, "dear": 0.7, "fresh": 0.1, "By hand": 0.1}
        for text, weight in weights.items():
            workshop.rows("UPDATE memories SET importance = :weight WHERE id = :id", weight=weight, id=known[text])
        workshop.rows("UPDATE memories SET archived_at = now() WHERE id = :id", id=known["archived"])
        use(workshop, known["dull but used"])
        said(workshop, "of bob", user="bob")
        order = ["archived", "dull", "dull but used", "dear", "By hand", "fresh"]
        for kept in range(5, 0, -1):
            write(workshop, {"max_memories": kept}, user="ann")
            forecast = run(workshop, dry_run=True)
            assert run(workshop).counts == forecast.counts
            assert set(workshop.texts(user_id="ann")) == set(order[-kept:])
        assert workshop.texts(user_id="bob") == ["of bob"]

    def test_each_agent_has_a_bound_of_its_own(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(*(Fact(f"Answers in {n} words", "agent") for n in range(4))))
        workshop.take_in(event("Be brief.", agent_id="coach"))
        workshop.extract_all()
        write(workshop, {"max_memories": 3}, agent="coach")
        write(workshop, {"max_memories": 1}, user="ann")
        assert sum(counted(run(workshop)).values()) == 1
        assert len(workshop.memories(scope="agent")) == 3
        assert len(workshop.memories(user_id="ann")) == 1


def test_the_same_from_an_event_loop(workshop: Workshop, client: MemoryClient, redis_url: str) -> None:
    said(workshop, "I keep bees.", days=40)
    write(workshop, ARCHIVING)
    run(workshop)

    async def use_it() -> list[Memory]:
        async with AsyncMemoryClient(redis_url) as aio:
            assert [each async for each in aio.memories.iterate(user_id="ann")] == []
            [archived] = [each async for each in aio.memories.iterate(user_id="ann", archived=True)]
            assert (await aio.memories.search("bees", user_id="ann", archived=True)).memories[0].id == archived.id
            return [await aio.memories.restore(archived.id, user_id="ann")]

    assert asyncio.run(use_it()) == list(client.memories.list(user_id="ann").memories)


def test_a_view_gives_archived_memories_to_who_asks_for_them_alone(workshop: Workshop) -> None:
    from afterword.workers.stores.vectors.counting import IS_ARCHIVED

    workshop.take_in(event("I keep bees.", "I like tea."))
    ann = UserOwner("default", "ann")
    workshop.house.stores.admin.archive([ids(workshop)["I like tea."]])
    view = workshop.house.stores.views.of(ann)
    assert (view.count(ann), view.count(ann, Filter((IS_ARCHIVED,)))) == (1, 1)
    assert view.counts() == {"ann": 2}, "they are kept, and counted as theirs"


def test_an_export_holds_what_is_archived(workshop: Workshop, client: MemoryClient) -> None:
    workshop.take_in(event("I keep bees.", "I like tea."))
    workshop.house.stores.admin.archive([ids(workshop)["I like tea."]])
    told = [line for line in client.users.export("ann") if line.type == "memory"]
    assert len(told) == 2
