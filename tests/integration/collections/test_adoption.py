"""A collection that plain mem0 filled: what is recognised in it, and how its memories become readable."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mem0 import Memory
from qdrant_client import QdrantClient, models
from sqlalchemy import text

from afterword.schemas import Kind, Scope
from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.embedded.redis_server import free_port
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.services.collections.adoption import Adoption, AdoptionReport
from afterword.workers.services.collections.discovery import SAMPLE, Discovery
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.stores.ledger import collections
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.owners import AgentOwner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.partitions import partition, partitioned
from afterword.workers.stores.vectors.queries import Dense, Filter, Match, Missing, Point
from afterword.workers.stores.vectors.server import ServerStore
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch, Views

EMBEDDER = HashingEmbedder(64)
NAME = "mem0"
ANN, LIN = UserOwner("acme", "ann"), UserOwner("acme", "lin")
GUIDE = AgentOwner("acme", "guide")


class Embedding:
    """mem0's embedder port over ours."""

    def embed(self, text: str, _action: str | None = None) -> list[float]:
        return list(EMBEDDER.embed([text])[0])

    def embed_batch(self, texts: list[str], _action: str | None = None) -> list[list[float]]:
        return [list(vector) for vector in EMBEDDER.embed(texts)]


@pytest.fixture
def client() -> QdrantClient:
    """A Qdrant for mem0 and us."""
    return QdrantClient(":memory:")


@pytest.fixture
def memory(client: QdrantClient) -> Any:
    """The real mem0, plain."""
    unused = {"provider": "openai", "config": {"api_key": "unused"}}
    store = {"client": client, "embedding_model_dims": 64, "collection_name": NAME}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect", category=UserWarning)
        made = Memory.from_config(
            {
                "llm": unused,
                "embedder": unused,
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": ":memory:",
            }
        )
    made.embedding_model = Embedding()
    return made


@pytest.fixture
def store(client: QdrantClient, memory: Any) -> ServerStore:  # noqa: ARG001  # mem0 made the collection
    store = ServerStore(":memory:", collection=NAME, client=client)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect", category=UserWarning)
        store.prepare(EMBEDDER.identity)
    return store


@pytest.fixture
def database(emptied_ledger: str) -> Iterator[Database]:
    database = Database(emptied_ledger, connections=2)
    yield database
    database.close()


def adopt(store: ServerStore, database: Database, tenant_id: str) -> AdoptionReport:
    books = Books(embedding_model="hashing", analytics=True)
    return Adoption(
        admin=StoreAdmin(store), database=database, books=books, embedder=EMBEDDER, topics=Topics(EMBEDDER)
    ).adopt(tenant_id)


def discovery_of(store: ServerStore, database: Database) -> Discovery:
    return Discovery(collection=NAME, admin=StoreAdmin(store), database=database)


def say(memory: Any, text: str, **owner: Any) -> str:
    """A memory as mem0 writes one by itself; its id."""
    [result] = memory.add(text, infer=False, **owner)["results"]
    return str(result["id"])


def old_point(client: QdrantClient, text: str, **payload: Any) -> str:
    """A point as mem0 1.x wrote one: without lemmas, in the time of California."""
    point_id = str(uuid.uuid4())
    fields = {"data": text, "hash": "h", "created_at": "2025-01-02T23:00:00.123456-08:00", **payload}
    client.upsert(NAME, [models.PointStruct(id=point_id, vector=Embedding().embed(text), payload=fields)])
    return point_id


def rows(database: Database, query: str) -> list[Any]:
    with database.transaction() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def texts(view: MemoryView, owner: UserOwner | AgentOwner | SessionOwner) -> list[str]:
    return [memory.text for memory in view.page(owner, limit=50).memories]


class TestAdopting:
    def test_memories_of_mem0_are_read_searched_and_cleared_through_the_views(
        self, memory: Any, store: ServerStore, database: Database
    ) -> None:
        say(memory, "Ann is allergic to peanuts", user_id="ann", metadata={"mood": "calm", "level": 3})
        say(memory, "林喜欢喝绿茶", user_id="lin", agent_id="guide")
        say(memory, "Museums close on Mondays", agent_id="guide")
        say(memory, "Ann plans a picnic", user_id="ann", run_id="thread")
        view = Views(store).of(ANN, LIN, GUIDE, SessionOwner("acme", "ann", "thread"))
        assert texts(view, ANN) == []

        assert adopt(store, database, "acme") == AdoptionReport(memories=4)

        assert sorted(texts(view, ANN)) == ["Ann is allergic to peanuts", "Ann plans a picnic"]
        assert texts(view, LIN) == ["林喜欢喝绿茶"]
        assert texts(view, GUIDE) == ["Museums close on Mondays"]
        assert texts(view, SessionOwner("acme", "ann", "thread")) == ["Ann plans a picnic"]
        [allergy] = view.page(ANN, limit=9, where=Filter((Match("scope", ("user",)),))).memories
        assert (allergy.kind, allergy.scope, allergy.language) == (Kind.FACT, Scope.USER, "en")
        assert allergy.metadata == {"mood": "calm", "level": 3}
        assert allergy.importance == importance(allergy.text, Kind.FACT)
        assert datetime.now(UTC) - allergy.occurred_at < timedelta(minutes=5)
        [[found]] = view.search([ScopedSearch(LIN, Dense(Embedding().embed("绿茶")), 3)])
        assert (found.memory.text, found.memory.language) == ("林喜欢喝绿茶", "zh")
        assert view.delete_all() == 4

    def test_words_find_an_adopted_memory(self, memory: Any, store: ServerStore, database: Database) -> None:
        kept = say(memory, "Ann is allergic to peanuts", user_id="ann")
        adopt(store, database, "acme")
        [hit] = store.scan(Filter((Match("user_id", ("ann",)),)))
        assert hit.id == kept
        assert partitioned("peanut", partition("acme", "ann")) in hit.payload["lexical"].split()

    def test_mem0_reads_them_as_before(self, memory: Any, store: ServerStore, database: Database) -> None:
        kept = say(memory, "Ann likes tea", user_id="ann", metadata={"mood": "calm"})
        before = memory.get(kept)
        adopt(store, database, "acme")
        after = memory.get(kept)
        assert {name: after[name] for name in before if name != "metadata"} == {
            name: before[name] for name in before if name != "metadata"
        }
        assert after["metadata"]["mood"] == "calm"
        assert [each["id"] for each in memory.get_all(filters={"user_id": "ann"})["results"]] == [kept]

    def test_what_mem0_1_wrote(self, client: QdrantClient, store: ServerStore, database: Database) -> None:
        old_point(client, "Ann lives in Lisbon", user_id="ann", category="place")
        assert adopt(store, database, "acme") == AdoptionReport(memories=1)
        [found] = Views(store).of(ANN).page(ANN, limit=5).memories
        assert found.occurred_at == datetime(2025, 1, 3, 7, 0, 0, 123456, tzinfo=UTC)
        assert found.metadata == {"category": "place"}

    def test_what_expires_in_mem0_expires_here(self, memory: Any, store: ServerStore, database: Database) -> None:
        today = datetime.now(UTC).date()
        for days in (-2, 0, 2):
            day = (today + timedelta(days=days)).isoformat()
            say(memory, f"valid for {days} days", user_id="ann", expiration_date=day)
        adopt(store, database, "acme")
        assert sorted(texts(Views(store).of(ANN), ANN)) == ["valid for 0 days", "valid for 2 days"]

    def test_what_is_nobodys_or_no_memory_stays_as_it_is(
        self, memory: Any, client: QdrantClient, store: ServerStore, database: Database
    ) -> None:
        say(memory, "in a run of nobody", run_id="thread")
        say(memory, "learned by an agent in a run", agent_id="guide", run_id="thread")
        old_point(client, "Lisbon", hash=None, entity_type="PLACE", linked_memory_ids=["m"])
        old_point(client, "of a number", user_id=7)
        client.upsert(NAME, [models.PointStruct(id=5, vector=[1.0] * 64, payload={"data": "x", "hash": "h"})])
        before = {hit.id: hit.payload for hit in store.scan(Filter())}

        assert adopt(store, database, "acme") == AdoptionReport(memories=0, nobodys=2, foreign=3)

        assert {hit.id: hit.payload for hit in store.scan(Filter())} == before

    def test_again_there_is_nothing_to_do_and_other_tenants_keep_theirs(
        self, memory: Any, store: ServerStore, database: Database
    ) -> None:
        say(memory, "Ann likes tea", user_id="ann")
        adopt(store, database, "acme")
        first = [hit.payload for hit in store.scan(Filter())]

        assert adopt(store, database, "other") == AdoptionReport()

        assert [hit.payload for hit in store.scan(Filter())] == first

    def test_it_goes_on_where_it_stopped(
        self, memory: Any, store: ServerStore, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(6):
            say(memory, f"fact number {n}", user_id="ann")
        really, written = store.set_payload, 0

        def break_off(ids: list[str], payload: dict[str, Any]) -> None:
            nonlocal written
            if written == 2:
                raise VectorStoreUnavailable("Qdrant: connection refused")
            really(ids, payload)
            written += 1

        with monkeypatch.context() as patched:
            patched.setattr(store, "set_payload", break_off)
            with pytest.raises(VectorStoreUnavailable):
                adopt(store, database, "acme")
        assert store.count(Filter((Missing("tenant_id"),))) == 4

        assert adopt(store, database, "acme") == AdoptionReport(memories=4)
        assert len(texts(Views(store).of(ANN), ANN)) == 6
        assert len(rows(database, "SELECT id FROM memories")) == 6
        assert rows(database, "SELECT sum(added) FROM daily_statistics") == [(6,)]

    def test_the_ledger_knows_them(self, memory: Any, store: ServerStore, database: Database) -> None:
        tea = say(memory, "Ann likes green tea", user_id="ann", metadata={"tags": "drinks, taste", "category": "taste"})
        flight = say(memory, "Ann has booked a flight", user_id="ann", agent_id="guide", run_id="thread")
        museum = say(memory, "Mondays are quiet here", agent_id="guide")
        say(memory, "in a run of nobody", run_id="thread")

        adopt(store, database, "acme")

        columns = "user_id, agent_id, session_id, scope, kind, source, category, tags, embedding_model, text_length"
        kept = {row[0]: tuple(row[1:]) for row in rows(database, f"SELECT id::text, {columns} FROM memories")}
        assert kept == {
            tea: ("ann", None, None, "user", "fact", "mem0", "taste", ["drinks", "taste"], "hashing", 19),
            flight: ("ann", "guide", "thread", "session", "fact", "mem0", "travel", [], "hashing", 23),
            museum: (None, "guide", None, "agent", "fact", "mem0", "other", [], "hashing", 22),
        }
        assert store.count(Filter((Match("tenant_id", ("acme",)),))) == len(kept)

    def test_their_topics_are_told_whatever_mem0s_caller_called_so(
        self, memory: Any, store: ServerStore, database: Database
    ) -> None:
        say(memory, "Ann has booked a flight", user_id="ann", metadata={"topic": "dreams"})
        adopt(store, database, "acme")
        [found] = Views(store).of(ANN).page(ANN, limit=5).memories
        assert (found.topic, found.metadata) == ("travel", {"topic": "dreams"})

    def test_more_than_a_batch(self, client: QdrantClient, store: ServerStore, database: Database) -> None:
        for n in range(230):
            old_point(client, f"fact number {n}", user_id=f"user-{n % 3}")
        assert adopt(store, database, "acme") == AdoptionReport(memories=230)
        assert store.count(Filter((Missing("tenant_id"),))) == 0
        assert rows(database, "SELECT count(*) FROM memories") == [(230,)]

    def test_their_users_are_listed(self, memory: Any, store: ServerStore, database: Database) -> None:
        for user in ("lin", "ann", "ann"):
            say(memory, f"{user} likes tea", user_id=user)
        adopt(store, database, "acme")
        with database.transaction() as connection:
            assert subjects.users(connection, "acme", after="", limit=9) == ["ann", "lin"]


class TestDiscovery:
    def test_an_empty_collection(self, store: ServerStore, database: Database) -> None:
        found = discovery_of(store, database).look()
        assert (found.lines, found.needs_mending) == (["no points yet"], False)

    def test_what_is_not_reached_is_counted_and_how_to_mend_it_told(
        self, memory: Any, client: QdrantClient, store: ServerStore, database: Database
    ) -> None:
        say(memory, "Ann likes tea", user_id="ann", metadata={"mood": "calm"})
        adopt(store, database, "acme")
        for n in range(3):
            say(memory, f"fact {n}", user_id="ann")
        old_point(client, "old", run_id="thread")

        found = discovery_of(store, database).look()

        assert (found.points, found.sampled, found.strangers) == (5, 5, 4)
        assert found.lines == [
            "5 points, 5 of them looked at: Afterword 1, mem0 2.x 3, mem0 1.x 1",
            "mem0 1.x, missing fields: user_id or agent_id (1)",
            "4 points carry no tenant, written by mem0 itself: nobody reaches them, nor are they cleared with their "
            "user; run `afterword adopt --tenant default`",
        ]
        assert found.needs_mending

    def test_strangers_are_seen_however_few(self, client: QdrantClient, store: ServerStore, database: Database) -> None:
        ours = {"tenant_id": "acme", "data": "x", "user_id": "ann"}
        store.insert([Point(str(uuid.UUID(int=n)), [1.0] * 64, dict(ours)) for n in range(1, 2 * SAMPLE)])
        old_point(client, "old", user_id="ann")
        found = discovery_of(store, database).look()
        assert (found.points, found.sampled, found.strangers) == (2 * SAMPLE, SAMPLE + 1, 1)
        assert "mem0 1.x 1" in found.lines[0]

    def test_another_programs_collection(self, client: QdrantClient, store: ServerStore, database: Database) -> None:
        client.upsert(NAME, [models.PointStruct(id=5, vector=[1.0] * 64, payload={"page_content": "text"})])
        assert discovery_of(store, database).look().lines == [
            "1 points, 1 of them looked at: unknown 1",
            "unknown, unknown fields: page_content (1)",
            "1 points carry no tenant and are no memories: this may be another's collection",
        ]

    def test_a_change_since_the_last_start_is_logged_and_shown(
        self, memory: Any, store: ServerStore, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        discovery = discovery_of(store, database)
        discovery.at_start()
        discovery.at_start()
        assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
        assert discovery.look().changes == ()

        say(memory, "Ann likes tea", user_id="ann")
        assert discovery.look().changes == ("points of mem0 2.x have appeared",)
        caplog.clear()
        discovery.at_start()

        [record] = [each for each in caplog.records if each.name.startswith("afterword")]
        assert record.levelname == "WARNING"
        assert record.getMessage().endswith("changed: points of mem0 2.x have appeared")
        [kept] = discovery.look().changes
        assert kept.startswith("points of mem0 2.x have appeared (20")
        caplog.clear()
        discovery.at_start()
        assert "changed" not in caplog.text

    def test_whatever_is_away_a_worker_starts(
        self, store: ServerStore, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        nobody = ServerStore(f"http://127.0.0.1:{free_port()}", collection=NAME, timeout=1)
        discovery_of(nobody, database).at_start()
        assert "could not be found out" in caplog.text
        caplog.clear()
        away = Database(f"postgresql://127.0.0.1:{free_port()}/none", connections=1)
        discovery_of(store, away).at_start()
        assert "could not be found out" in caplog.text
        with database.transaction() as connection:
            assert collections.get(connection, NAME) is None
