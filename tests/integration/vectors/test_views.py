"""Views over a real store: nobody reads, writes or removes what is not theirs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient
from structlog.testing import capture_logs

from afterword.schemas import Kind, Scope
from afterword.workers.core.errors import Denied
from afterword.workers.models import mem0_environment
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory, text_hash
from afterword.workers.stores.vectors.queries import (
    Dense,
    Filter,
    Hit,
    Ids,
    Lexical,
    Match,
    Newest,
    Search,
    Signal,
    TimeRange,
)
from afterword.workers.stores.vectors.server import ServerStore
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch, ScoredMemory, Views
from afterword.workers.text.analysis import terms

NOW = datetime.now(UTC)
EMBEDDER = HashingEmbedder(64)

ANN, BOB = UserOwner("t", "ann"), UserOwner("t", "bob")
THREAD = SessionOwner("t", "ann", "s1")
HELPER = AgentOwner("t", "helper")
FOREIGN_ANN = UserOwner("other", "ann")
EVERYONE: tuple[Owner, ...] = (ANN, BOB, THREAD, HELPER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    store = EdgeStore(tmp_path / "edge")
    store.prepare(EMBEDDER.identity)
    yield store
    store.close()


def memory(text: str, owner: Owner = ANN, **more: Any) -> StoredMemory:
    given: dict[str, Any] = {"scope": Scope.USER, "kind": Kind.FACT, "occurred_at": NOW, "created_at": NOW}
    match owner:
        case UserOwner(_, user):
            given["user_id"] = user
        case SessionOwner(_, user, session):
            given |= {"user_id": user, "session_id": session, "scope": Scope.SESSION}
        case AgentOwner(_, agent):
            given |= {"agent_id": agent, "scope": Scope.AGENT}
    return StoredMemory(id=str(uuid.uuid4()), text=text, tenant_id=owner.tenant_id, **(given | more))


def insert(store: EdgeStore, owner: Owner, *memories: StoredMemory) -> None:
    vectors = EMBEDDER.embed([each.text for each in memories])
    Views(store).of(owner).insert(list(zip(memories, vectors, strict=True)))


def texts(found: list[ScoredMemory]) -> list[str]:
    return [each.memory.text for each in found]


def newest(view: MemoryView, owner: Owner, where: Filter | None = None) -> list[str]:
    [found] = view.search([ScopedSearch(owner, Newest(), 50, where)])
    return sorted(texts(found))


class TestIsolation:
    @pytest.fixture(autouse=True)
    def _memories(self, store: EdgeStore) -> None:
        insert(store, ANN, memory("ann likes tea", agent_id="helper"))
        insert(store, THREAD, memory("ann plans a trip", THREAD, agent_id="helper"))
        insert(store, BOB, memory("bob likes tea", BOB))
        insert(store, FOREIGN_ANN, memory("another ann likes tea", FOREIGN_ANN))
        insert(store, HELPER, memory("tea questions come up often", HELPER))
        foreign_helper = AgentOwner("other", "helper")
        insert(store, foreign_helper, memory("another helper", foreign_helper))

    @pytest.mark.parametrize(
        ("owner", "expected"),
        [
            (ANN, ["ann likes tea", "ann plans a trip"]),
            (THREAD, ["ann plans a trip"]),
            (BOB, ["bob likes tea"]),
            (FOREIGN_ANN, ["another ann likes tea"]),
            (HELPER, ["tea questions come up often"]),
            (UserOwner("t", "nobody"), []),
            (SessionOwner("t", "bob", "s1"), []),
        ],
        ids=str,
    )
    def test_each_owner_reads_its_own(self, store: EdgeStore, owner: Owner, expected: list[str]) -> None:
        view = Views(store).of(owner)
        [vector] = EMBEDDER.embed(["tea"])

        dense, lexical_, newest_ = view.search(
            [ScopedSearch(owner, signal, 50) for signal in (Dense(vector), Lexical(" ".join(terms("tea"))), Newest())]
        )

        assert sorted(texts(dense)) == sorted(texts(newest_)) == expected
        assert sorted(texts(lexical_)) == [text for text in expected if "tea" in text]
        assert sorted(each.text for each in view.page(owner, limit=50).memories) == expected
        assert view.count(owner) == len(expected)

    def test_several_owners_in_one_request(self, store: EdgeStore) -> None:
        view = Views(store).of(*EVERYONE)

        found = view.search([ScopedSearch(owner, Newest(), 50) for owner in EVERYONE])

        assert [len(each) for each in found] == [2, 1, 1, 1]

    def test_get_and_delete_touch_only_the_owners(self, store: EdgeStore) -> None:
        [[bobs]] = Views(store).of(BOB).search([ScopedSearch(BOB, Newest(), 1)])
        anns = Views(store).of(ANN)

        assert anns.get([bobs.memory.id, "not-a-uuid"]) == []
        assert anns.delete([bobs.memory.id, "not-a-uuid"]) == 0
        assert Views(store).of(BOB).get([bobs.memory.id]) == [bobs.memory]

    def test_delete_all_spares_the_others(self, store: EdgeStore) -> None:
        assert Views(store).of(ANN).delete_all() == 2

        assert Views(store).of(*EVERYONE).count(ANN) == 0
        assert [Views(store).of(owner).count(owner) for owner in (BOB, FOREIGN_ANN, HELPER)] == [1, 1, 1]

    def test_delete_all_that_match(self, store: EdgeStore) -> None:
        view = Views(store).of(ANN)

        assert view.delete_all(Filter((Match(c.SCOPE, (Scope.SESSION,)),))) == 1
        assert newest(view, ANN) == ["ann likes tea"]

    def test_an_owner_who_is_not_of_the_view(self, store: EdgeStore) -> None:
        view = Views(store).of(ANN)
        for attempt in (
            lambda: view.search([ScopedSearch(BOB, Newest(), 1)]),
            lambda: view.page(BOB, limit=1),
            lambda: view.count(BOB),
            lambda: view.existing_hashes(BOB, ["x"]),
        ):
            with pytest.raises(Denied):
                attempt()

    def test_where_cannot_widen_what_is_read(self, store: EdgeStore) -> None:
        elsewhere = Filter((Match(c.USER, ("bob",)),))
        assert newest(Views(store).of(ANN), ANN, elsewhere) == []

    def test_existing_hashes(self, store: EdgeStore) -> None:
        asked = [text_hash(text) for text in ("ann likes tea", "bob likes tea", "new")]

        assert Views(store).of(ANN).existing_hashes(ANN, asked) == {text_hash("ann likes tea")}
        assert Views(store).of(ANN).existing_hashes(ANN, []) == set()


class TestWriting:
    @pytest.mark.parametrize(
        "foreign",
        [
            memory("x", BOB),
            memory("x", FOREIGN_ANN),
            memory("x", HELPER),
            memory("x", ANN, scope=Scope.AGENT, agent_id="helper"),
        ],
        ids=["user", "tenant", "agent", "agent scope with a user"],
    )
    def test_foreign_memories_are_denied_and_nothing_is_written(self, store: EdgeStore, foreign: StoredMemory) -> None:
        view = Views(store).of(ANN)

        with pytest.raises(Denied):
            view.insert([(memory("mine"), EMBEDDER.embed(["mine"])[0]), (foreign, EMBEDDER.embed(["x"])[0])])

        assert view.count(ANN) == 0

    def test_no_owner_may_name_a_user_in_agent_scope(self, store: EdgeStore) -> None:
        both = memory("ann told the helper", HELPER, user_id="ann")
        with pytest.raises(Denied):
            Views(store).of(*EVERYONE).insert([(both, EMBEDDER.embed(["x"])[0])])

    def test_writing_twice_keeps_the_first(self, store: EdgeStore) -> None:
        first = memory("first")
        insert(store, ANN, first)
        insert(store, ANN, replace(first, text="second"))

        assert Views(store).of(ANN).get([first.id]) == [replace(first, language="en")]

    def test_any_language_is_found_by_its_words(self, store: EdgeStore) -> None:
        insert(store, ANN, memory("用户住在上海，养了一只猫"), memory("Die Nutzerin sucht eine Wohnung in Köln"))
        view = Views(store).of(ANN)

        chinese, german = view.search(
            [ScopedSearch(ANN, Lexical(" ".join(terms(query))), 5) for query in ("上海的猫", "Wohnungen Koln")]
        )

        assert [each.memory.language for each in chinese] == ["zh"]
        assert texts(german) == ["Die Nutzerin sucht eine Wohnung in Köln"]

    def test_nothing_to_write(self, store: EdgeStore) -> None:
        Views(store).of(ANN).insert([])

    @pytest.mark.parametrize("owners", [(), (ANN, FOREIGN_ANN)], ids=["none", "two tenants"])
    def test_a_view_needs_owners_of_one_tenant(self, store: EdgeStore, owners: tuple[Owner, ...]) -> None:
        with pytest.raises(ValueError, match="one tenant"):
            Views(store).of(*owners)


def test_expired_memories_are_not_recalled_but_can_be_got_and_removed(store: EdgeStore) -> None:
    expired = memory("old", expires_at=NOW - timedelta(seconds=1))
    insert(store, ANN, expired, memory("fresh", expires_at=NOW + timedelta(days=1)), memory("for ever"))
    view = Views(store).of(ANN)

    assert newest(view, ANN) == ["for ever", "fresh"]
    assert len(view.page(ANN, limit=9).memories) == view.count(ANN) == 2
    assert [each.text for each in view.get([expired.id])] == ["old"]
    assert view.delete_all() == 3


class TestScores:
    def test_ids_and_scores_of_what_a_search_finds(self, store: EdgeStore) -> None:
        insert(store, ANN, *(memory(f"tea {'tea ' * n}") for n in range(4)))
        insert(store, ANN, memory("old tea", expires_at=NOW - timedelta(seconds=1)))
        insert(store, BOB, memory("tea of bob", BOB))
        insert(store, HELPER, memory("tea of the helper", HELPER))
        view = Views(store).of(*EVERYONE)
        signals: list[Signal] = [Lexical(" ".join(terms("tea"))), Dense(EMBEDDER.embed(["tea"])[0])]
        searches = [ScopedSearch(owner, signal, 10) for owner in (ANN, BOB, HELPER) for signal in signals]

        scores = view.scores(searches)

        assert [[key for key, _ in found] for found in scores] == [
            [each.memory.id for each in found] for found in view.search(searches)
        ]
        assert [len(found) for found in scores] == [4, 4, 1, 1, 1, 1]
        assert all(score > 0 for found in scores for _, score in found)

    def test_how_rare_a_word_is_is_the_owners_own_matter(self, store: EdgeStore) -> None:
        insert(store, ANN, *(memory(f"number {n} says ann") for n in range(9)))
        insert(store, ANN, memory("harp"))
        insert(store, BOB, *(memory(f"harp {n}", BOB) for n in range(30)))
        view = Views(store).of(ANN)
        name, harp = view.scores([ScopedSearch(ANN, Lexical(" ".join(terms(word))), 1) for word in ("ann", "harp")])
        assert harp[0][1] > name[0][1]

    def test_nothing_is_asked_for_nothing_and_nobody_else_may_be_asked_for(self, store: EdgeStore) -> None:
        assert Views(store).of(ANN).scores([]) == []
        with pytest.raises(Denied):
            Views(store).of(ANN).scores([ScopedSearch(BOB, Newest(), 5)])

    def test_a_foreign_id_from_a_faulty_store_leads_to_nothing(self, tmp_path: Path) -> None:
        class Faulty(EdgeStore):
            def search(self, searches: Any) -> list[list[Hit]]:
                return super().search([replace(each, filter=Filter()) for each in searches])

        store = Faulty(tmp_path)
        store.prepare(EMBEDDER.identity)
        insert(store, ANN, memory("ann's"))
        insert(store, BOB, memory("bob's secret", BOB))
        view = Views(store).of(ANN)
        [found] = view.scores([ScopedSearch(ANN, Newest(), 5)])
        assert len(found) == 2
        assert [each.text for each in view.get([key for key, _ in found])] == ["ann's"]
        store.close()


def test_pages(store: EdgeStore) -> None:
    insert(store, ANN, *(memory(f"memory {n}", occurred_at=NOW - timedelta(minutes=n // 4)) for n in range(10)))
    view = Views(store).of(ANN)

    page = view.page(ANN, limit=4)
    seen = list(page.memories)
    while page.next_cursor:
        page = view.page(ANN, limit=4, cursor=page.next_cursor)
        seen += page.memories

    assert len({each.id for each in seen}) == len(seen) == 10
    assert [each.occurred_at for each in seen] == sorted((each.occurred_at for each in seen), reverse=True)


def test_a_foreign_point_from_a_faulty_store_is_dropped_and_told_without_its_text(tmp_path: Path) -> None:
    class Faulty(EdgeStore):
        def search(self, searches: Any) -> list[list[Hit]]:
            return super().search([replace(each, filter=Filter()) for each in searches])

    store = Faulty(tmp_path)
    store.prepare(EMBEDDER.identity)
    insert(store, ANN, memory("ann's"))
    insert(store, BOB, memory("bob's secret", BOB))

    with capture_logs() as logs:
        found = newest(Views(store).of(ANN), ANN)
    store.close()

    assert found == ["ann's"]
    [entry] = logs
    assert (entry["event"], entry["log_level"]) == ("foreign_memory_dropped", "error")
    assert "secret" not in str(entry)


def test_one_request_for_all_searches(tmp_path: Path) -> None:
    requests: list[list[Search]] = []

    class Counting(EdgeStore):
        def search(self, searches: Any) -> list[list[Hit]]:
            requests.append(list(searches))
            return super().search(searches)

    store = Counting(tmp_path)
    store.prepare(EMBEDDER.identity)
    Views(store).of(*EVERYONE).search([ScopedSearch(owner, Newest(), 5) for owner in EVERYONE])
    store.close()

    [asked] = requests
    for owner, search in zip(EVERYONE, asked, strict=True):
        assert set(owner.where.must) <= set(search.filter.must)
        assert any(isinstance(each, TimeRange) and each.field == c.EXPIRES_AT for each in search.filter.must_not)


class TestMem0Compatibility:
    """mem0 and Afterword read each other's points."""

    @pytest.fixture
    def client(self) -> QdrantClient:
        return QdrantClient(":memory:")

    @pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
    def test_mem0_lists_our_memories(self, client: QdrantClient) -> None:
        mem0_environment.prepare()
        from mem0.memory.main import Memory
        from mem0.vector_stores.qdrant import Qdrant

        ours = ServerStore(":memory:", collection="memories", client=client)
        ours.prepare(EMBEDDER.identity)
        kept = memory("Ann likes tea", THREAD, agent_id="helper", metadata={"mood": "good"}, role="user")
        Views(ours).of(ANN).insert([(kept, EMBEDDER.embed([kept.text])[0])])
        mem0 = Memory.__new__(Memory)
        mem0.vector_store = Qdrant("memories", 64, client=client)

        [item] = mem0._get_all_from_vector_store({"user_id": "ann", "run_id": "s1"}, 10)

        assert (item["id"], item["memory"], item["hash"]) == (kept.id, "Ann likes tea", text_hash("Ann likes tea"))
        assert (item["user_id"], item["agent_id"], item["run_id"], item["role"]) == ("ann", "helper", "s1", "user")
        assert item["metadata"]["metadata"] == {"mood": "good"}

    @pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
    def test_we_read_what_mem0_wrote_once_its_tenant_is_set(self, client: QdrantClient) -> None:
        mem0_environment.prepare()
        from mem0.vector_stores.qdrant import Qdrant

        point = str(uuid.uuid4())
        payload = {"data": "likes tea", "hash": "h", "user_id": "ann", "created_at": NOW.isoformat(), "topic": "food"}
        theirs = Qdrant("memories", 64, client=client)
        theirs.client.upsert("memories", [_point(point, payload)])
        ours = ServerStore(":memory:", collection="memories", client=client)
        ours.prepare(EMBEDDER.identity)
        owner = UserOwner("default", "ann")

        [read] = Views(ours).of(owner).get([point])

        assert (read.text, read.scope, read.kind, read.metadata) == ("likes tea", "user", "fact", {"topic": "food"})
        [untouched] = ours.scan(Filter((Ids((point,)),)))
        assert untouched.payload == payload


def _point(point_id: str, payload: dict[str, Any]) -> Any:
    from qdrant_client import models

    return models.PointStruct(id=point_id, vector={"": EMBEDDER.embed([payload["data"]])[0]}, payload=payload)
