"""One suite for every vector store: Edge, and the server adapter over what can be had of a server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from afterword.workers.core.errors import Misconfigured, VectorStoreUnavailable, WrongEmbedder
from afterword.workers.embedded.redis_server import free_port
from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.stores.vectors.collection import metadata_field
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.port import CollectionState, VectorStore
from afterword.workers.stores.vectors.queries import (
    Dense,
    Either,
    Equals,
    Filter,
    Hit,
    Ids,
    Lexical,
    Match,
    Missing,
    Newest,
    Payload,
    Point,
    Search,
    Signal,
    TimeRange,
)
from afterword.workers.stores.vectors.server import ServerStore
from tests.support.qdrant_face import QdrantFace

IDENTITY = EmbedderIdentity("hashing", "test", 3)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVERYTHING = Filter((Match("tenant_id", ("t",)),))


@dataclass
class Subject:
    """A kind of store: `open` makes another adapter of the same data."""

    name: str
    open: Callable[[], VectorStore]

    @property
    def is_one_threaded(self) -> bool:
        return self.name == "memory"


_KINDS = ["edge", "memory", "face"]
if "QDRANT_URL" in os.environ:
    _KINDS.append("server")


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.qdrant if kind == "server" else ()) for kind in _KINDS])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    match request.param:
        case "edge":
            yield Subject("edge", lambda: EdgeStore(tmp_path / "edge"))
        case "memory":
            client = QdrantClient(":memory:")
            yield Subject("memory", lambda: ServerStore(":memory:", collection="memories", client=client))
        case "face":
            face = QdrantFace(tmp_path / "face")
            face.start()
            yield Subject("face", lambda: ServerStore(face.url, collection="memories"))
            face.stop()
        case _:
            yield from _real_server()


def _real_server() -> Iterator[Subject]:
    url = os.environ["QDRANT_URL"]
    name = f"afterword-test-{uuid.uuid4().hex}"
    yield Subject("server", lambda: ServerStore(url, collection=name))
    QdrantClient(url=url).delete_collection(name)


@pytest.fixture
def store(subject: Subject) -> Iterator[VectorStore]:
    store = subject.open()
    store.prepare(IDENTITY)
    yield store
    store.close()


def number(n: int) -> str:
    return str(uuid.UUID(int=n))


def point(
    n: int, *, vector: tuple[float, float, float] | None = (1.0, 0.0, 0.0), at: datetime = NOON, **more: object
) -> Point:
    payload: Payload = {"tenant_id": "t", "user_id": "u", "data": f"text {n}", "occurred_at": at.isoformat(), **more}
    return Point(number(n), vector, payload)


def ids(hits: list[Hit] | tuple[Hit, ...]) -> list[int]:
    return [uuid.UUID(hit.id).int for hit in hits]


def matching(store: VectorStore, where: Filter) -> list[int]:
    return sorted(ids(list(store.scan(where))))


class TestSize:
    def test_points_and_dimensions(self, store: VectorStore) -> None:
        assert (store.size().points, store.size().dimensions) == (0, 3)
        store.insert([point(1), point(2)])
        assert (store.size().points, store.size().dimensions) == (2, 3)

    def test_bytes_where_they_are_known(self, subject: Subject, store: VectorStore) -> None:
        size = store.size()
        assert bool(size.disk_bytes) == (subject.name == "edge")
        assert bool(size.memory_bytes) == (subject.name in ("face", "server"))


class TestWriting:
    def test_insert_is_searchable_at_once_and_keeps_the_payload(self, store: VectorStore) -> None:
        store.insert([point(1, metadata={"mood": "good", "level": 3}, importance=0.5)])

        [hit] = store.get([number(1)])

        assert hit.payload["metadata"] == {"mood": "good", "level": 3}
        assert hit.payload["importance"] == 0.5
        assert hit.score == 0

    def test_insert_leaves_what_is_there(self, store: VectorStore) -> None:
        store.insert([point(1, data="first")])
        store.insert([point(1, data="second"), point(2, data="new")])

        assert [hit.payload["data"] for hit in store.get([number(1), number(2)])] == ["first", "new"]

    def test_a_point_without_a_vector_gets_one_that_comes_later_and_keeps_the_first(self, store: VectorStore) -> None:
        store.insert([point(1, vector=None, data="first"), point(2, vector=None, data="first")])
        store.insert([point(1, data="second"), point(2, vector=None, data="second"), point(3)])
        store.insert([point(1, vector=(0.0, 1.0, 0.0), data="third"), point(1, vector=None, data="fourth")])

        [near] = store.search([Search(Dense((1.0, 0.0, 0.0)), EVERYTHING, 10)])

        assert sorted(ids(near)) == [1, 3]
        assert near[0].score == pytest.approx(1)
        assert [hit.payload["data"] for hit in store.get([number(1), number(2)])] == ["second", "first"]

    def test_replace_writes_a_point_whole(self, store: VectorStore) -> None:
        store.insert([point(1, data="old", topic="food"), point(2)])
        store.replace([point(1, data="new")])
        [hit] = store.get([number(1)])
        assert (hit.payload["data"], "topic" in hit.payload) == ("new", False)
        assert store.size().points == 2

    def test_a_deleted_point_can_be_written_again(self, store: VectorStore) -> None:
        store.insert([point(1, data="first")])
        store.delete([number(1)])
        store.insert([point(1, data="second")])

        assert [hit.payload["data"] for hit in store.get([number(1)])] == ["second"]

    def test_set_payload_leaves_other_fields(self, store: VectorStore) -> None:
        store.insert([point(1)])
        store.set_payload([number(1)], {"importance": 0.9})

        [hit] = store.get([number(1)])
        assert (hit.payload["importance"], hit.payload["data"]) == (0.9, "text 1")

    def test_delete_ignores_unknown_ids(self, store: VectorStore) -> None:
        store.insert([point(1), point(2)])
        store.delete([number(1), number(9)])

        assert matching(store, EVERYTHING) == [2]

    def test_delete_where_counts_and_spares_the_rest(self, store: VectorStore) -> None:
        store.insert([point(1, kind="fact"), point(2, kind="note"), point(3, kind="fact")])

        assert store.delete_where(EVERYTHING.narrowed(Match("kind", ("fact",)))) == 2
        assert store.delete_where(EVERYTHING.narrowed(Match("kind", ("fact",)))) == 0
        assert matching(store, EVERYTHING) == [2]

    def test_delete_where_refuses_an_empty_filter(self, store: VectorStore) -> None:
        store.insert([point(1)])

        with pytest.raises(ValueError, match="empty filter"):
            store.delete_where(Filter())
        assert store.count(EVERYTHING) == 1

    def test_nothing_to_do_is_no_error(self, store: VectorStore) -> None:
        store.insert([])
        store.delete([])
        store.set_payload([], {"importance": 1})

        assert (store.get([]), store.search([])) == ([], [])

    def test_more_points_than_a_batch(self, store: VectorStore) -> None:
        store.insert([point(n) for n in range(1, 601)])

        assert store.count(EVERYTHING) == 600
        assert matching(store, EVERYTHING) == list(range(1, 601))

    def test_get_keeps_the_order_asked_for(self, store: VectorStore) -> None:
        store.insert([point(n) for n in (1, 2, 3)])

        assert ids(store.get([number(3), number(9), number(1)])) == [3, 1]


class TestFilters:
    @pytest.fixture(autouse=True)
    def _points(self, store: VectorStore) -> None:
        store.insert(
            [
                point(1, kind="fact", at=NOON),
                point(2, kind="note", at=NOON + timedelta(hours=1)),
                point(3, kind="excerpt", at=NOON + timedelta(hours=2), expires_at=NOON.isoformat()),
            ]
        )

    def test_match_any_of_several(self, store: VectorStore) -> None:
        assert matching(store, Filter((Match("kind", ("fact", "excerpt", "none")),))) == [1, 3]

    def test_match_nothing(self, store: VectorStore) -> None:
        assert matching(store, Filter((Match("kind", ()),))) == []
        assert matching(store, Filter((Ids(()),))) == []

    def test_must_not(self, store: VectorStore) -> None:
        assert matching(store, EVERYTHING.narrowed(must_not=(Match("kind", ("fact",)),))) == [2, 3]

    def test_since_is_included_and_until_is_not(self, store: VectorStore) -> None:
        hours = TimeRange("occurred_at", since=NOON, until=NOON + timedelta(hours=1))
        assert matching(store, Filter((hours,))) == [1]

    def test_a_time_in_another_zone_is_the_same_time(self, store: VectorStore) -> None:
        local = NOON.astimezone(datetime.strptime("+0530", "%z").tzinfo)
        assert matching(store, Filter((TimeRange("occurred_at", since=local + timedelta(hours=2)),))) == [3]

    def test_times_told_by_other_clocks_are_found_and_ordered_by_the_instant(self, store: VectorStore) -> None:
        """As text 23:30 of the day before would come first, and 17:30 after 13:30."""
        store.insert(
            [
                Point(number(4), (1.0, 0.0, 0.0), {"tenant_id": "u", "occurred_at": "2026-05-01T23:30:00+08:00"}),
                Point(number(5), (1.0, 0.0, 0.0), {"tenant_id": "u", "occurred_at": "2026-05-01T15:40:00+00:00"}),
                Point(number(6), (1.0, 0.0, 0.0), {"tenant_id": "u", "occurred_at": "2026-05-01T11:50:00-04:00"}),
                Point(number(7), (1.0, 0.0, 0.0), {"tenant_id": "u", "occurred_at": "2026-05-01T21:30:00+06:00"}),
            ]
        )
        theirs = Filter((Match("tenant_id", ("u",)),))
        half_past = datetime(2026, 5, 1, 15, 30, tzinfo=UTC)
        minute = TimeRange("occurred_at", since=half_past, until=half_past + timedelta(minutes=1))
        assert matching(store, theirs.narrowed(minute)) == [4, 7]
        seen, cursor = [], None
        for _ in range(5):
            page = store.page(theirs, limit=1, cursor=cursor)
            seen += [hit.id for hit in page.hits]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [number(6), number(5), number(4), number(7)]

    def test_a_point_without_the_time_is_not_in_its_range(self, store: VectorStore) -> None:
        expired = TimeRange("expires_at", until=NOON + timedelta(seconds=1))
        assert matching(store, Filter((expired,))) == [3]
        assert matching(store, EVERYTHING.narrowed(must_not=(expired,))) == [1, 2]

    def test_a_field_without_a_value(self, store: VectorStore) -> None:
        store.insert([point(4, kind=None), point(5, kind=""), Point(number(6), (1.0, 0.0, 0.0), {"kind": "fact"})])
        assert matching(store, Filter((Missing("expires_at"),))) == [1, 2, 4, 5, 6]
        assert matching(store, Filter((Missing("kind"),))) == [4]
        assert matching(store, Filter((Missing("tenant_id"),))) == [6]
        assert store.count(Filter((Missing("tenant_id"),))) == 1
        assert matching(store, Filter(must_not=(Missing("expires_at"),))) == [3]

    def test_ids(self, store: VectorStore) -> None:
        assert matching(store, EVERYTHING.narrowed(Ids((number(2), number(9))))) == [2]
        assert matching(store, EVERYTHING.narrowed(must_not=(Ids((number(2),)),))) == [1, 3]

    @pytest.mark.parametrize(
        ("value", "equal"),
        [("3", [14]), (3, [11, 12]), (3.0, [11, 12]), (3.5, [13]), (True, [15]), (False, [16]), (1, []), (0, [])],
    )
    def test_a_value_equals_its_like(self, store: VectorStore, value: str | float, equal: list[int]) -> None:
        held = enumerate([3, 3.0, 3.5, "3", True, False, None], start=11)
        store.insert([point(n, metadata={"level": each, "other": value}) for n, each in held])
        assert matching(store, Filter((Equals(metadata_field("level"), value),))) == equal

    def test_large_numbers_are_told_apart(self, store: VectorStore) -> None:
        store.insert([point(11, metadata={"n": 2**60}), point(12, metadata={"n": 2**60 + 1})])
        assert matching(store, Filter((Equals(metadata_field("n"), 2**60 + 1),))) == [12]

    @pytest.mark.parametrize("name", ["mood", "a.b", "k[0]", "two words", "心情", "user_id", "'"])
    def test_metadata_of_any_name(self, store: VectorStore, name: str) -> None:
        store.insert([point(11, metadata={name: "good"}), point(12, metadata={"else": "good"})])
        assert matching(store, Filter((Equals(metadata_field(name), "good"),))) == [11]

    def test_a_list_holds_each_of_its_values(self, store: VectorStore) -> None:
        store.insert([point(11, linked_memory_ids=[number(1), number(2)]), point(12, linked_memory_ids=[number(3)])])
        assert matching(store, Filter((Match("linked_memory_ids", (number(2), number(9))),))) == [11]


class TestSearch:
    def test_dense_orders_by_cosine_similarity(self, store: VectorStore) -> None:
        store.insert(
            [point(1, vector=(0.0, 2.0, 0.0)), point(2, vector=(3.0, 0.0, 0.0)), point(3, vector=(4.0, 4.0, 0))]
        )

        [hits] = store.search([Search(Dense((1.0, 0.0, 0.0)), EVERYTHING, 10)])

        assert ids(hits) == [2, 3, 1]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 0.7071, 0.0], abs=1e-3)

    def test_lexical_orders_by_bm25(self, store: VectorStore, subject: Subject) -> None:
        if subject.name == "memory":
            pytest.skip("the client's in-memory mode ranks text with its default tokenizer only")
        store.insert(
            [
                point(1, lexical="cat sit mat"),
                point(2, lexical="cat cat dog"),
                point(3, lexical="dog run far"),
                point(4, lexical="上海 猫 住在"),
                point(5, lexical="Cat"),
            ]
        )

        cats, shanghai, rare, nothing = store.search(
            [Search(Lexical(terms), EVERYTHING, 10) for terms in ("cat", "上海", "cat far", "")]
        )

        assert ids(cats) == [2, 1]  # more often first; another case is another term
        assert ids(shanghai) == [4]
        assert ids(rare)[0] == 3  # the rarer word weighs more
        assert nothing == []
        assert all(hit.score > 0 for hit in cats + shanghai + rare)

    def test_either_of_several_filters(self, store: VectorStore) -> None:
        store.insert([point(n, kind=kind, run_id=f"s{n % 2}") for n, kind in enumerate(["fact", "fact", "note"], 1)])
        notes_or_session = Either(
            (
                Filter((Match("kind", ("note",)),)),
                Filter((Match("kind", ("fact",)), Match("run_id", ("s1",)))),
            )
        )
        assert matching(store, Filter((notes_or_session,))) == [1, 3]
        assert matching(store, Filter((*EVERYTHING.must, Either(())))) == []

    def test_how_rare_a_word_is_is_counted_over_the_corpus(self, store: VectorStore, subject: Subject) -> None:
        if subject.name == "memory":
            pytest.skip("the client's in-memory mode ranks text with its default tokenizer only")
        store.insert([point(n, lexical="ann likes tea", user_id="ann") for n in range(1, 9)])
        store.insert([point(9, lexical="ann likes coffee", user_id="ann")])
        store.insert([point(n, lexical="coffee likes tea", user_id="bob") for n in range(10, 60)])
        ann = Filter((*EVERYTHING.must, Match("user_id", ("ann",))))

        [of_all, own_name, own_coffee] = store.search(
            [
                Search(Lexical("ann"), ann, 1),
                Search(Lexical("ann", ann), ann, 1),
                Search(Lexical("coffee", ann), ann, 1),
            ]
        )

        assert own_name[0].score < of_all[0].score  # to Ann her name says nothing, rare as it is elsewhere
        assert own_coffee[0].id == str(uuid.UUID(int=9))
        assert own_coffee[0].score > 5 * own_name[0].score

    def test_without_payload_hits_are_the_same_ids_and_scores(self, store: VectorStore, subject: Subject) -> None:
        store.insert([point(n, lexical=f"tea {'ann ' * n}", vector=(1, n, 0), user_id="ann") for n in range(1, 9)])
        ann = Filter((*EVERYTHING.must, Match("user_id", ("ann",))))
        signals: list[Signal] = [Dense((1.0, 0.5, 0.0)), Newest()]
        if subject.name != "memory":
            signals += [Lexical("ann tea"), Lexical("ann tea", ann)]
        for limit in (3, 20):
            whole = store.search([Search(signal, ann, limit) for signal in signals])
            bare = store.search([Search(signal, ann, limit, payload=False) for signal in signals])
            for with_payload, without in zip(whole, bare, strict=True):
                assert [(hit.id, hit.score) for hit in without] == [(hit.id, hit.score) for hit in with_payload]
                assert all(hit.payload for hit in with_payload)
                assert not any(hit.payload for hit in without)
                assert len(without) == min(limit, 8)

    def test_newest_first(self, store: VectorStore) -> None:
        store.insert([point(n, at=NOON + timedelta(minutes=minute)) for n, minute in ((1, 2), (2, 0), (3, 1))])

        [hits] = store.search([Search(Newest(), EVERYTHING, 2)])

        assert ids(hits) == [1, 3]
        assert [hit.score for hit in hits] == [0, 0]

    def test_each_search_of_a_batch_has_its_filter_and_limit(self, store: VectorStore) -> None:
        store.insert([point(n, user_id=user) for n, user in ((1, "a"), (2, "b"), (3, "b"), (4, "b"))])
        of_a, of_b = (Filter((Match("user_id", (user,)),)) for user in "ab")

        first, second, third = store.search(
            [Search(Dense((1, 0, 0)), of_a, 5), Search(Dense((1, 0, 0)), of_b, 2), Search(Newest(), of_b, 5)]
        )

        assert (ids(first), len(second), sorted(ids(third))) == ([1], 2, [2, 3, 4])

    def test_a_vector_of_another_size_is_the_callers_fault(self, store: VectorStore) -> None:
        store.insert([point(1)])

        with pytest.raises(ValueError):
            store.search([Search(Dense((1.0, 0.0)), EVERYTHING, 1)])


class TestListing:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
    def test_each_point_once_newest_first(self, store: VectorStore, limit: int) -> None:
        minutes = {1: 0, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 9, 8: 1, 9: 1, 10: 5}
        store.insert([point(n, at=NOON + timedelta(minutes=minute)) for n, minute in minutes.items()])

        assert _all_pages(store, limit) == sorted(minutes, key=lambda n: (-minutes[n], n))

    def test_times_that_differ_by_a_microsecond(self, store: VectorStore) -> None:
        store.insert([point(n, at=NOON + timedelta(microseconds=n)) for n in range(1, 6)])

        assert _all_pages(store, 2) == [5, 4, 3, 2, 1]

    def test_what_comes_and_goes_between_pages(self, store: VectorStore) -> None:
        store.insert([point(n) for n in range(1, 7)])
        first = store.page(EVERYTHING, limit=3)
        store.delete([number(3)])
        store.insert([point(9, at=NOON + timedelta(hours=1))])

        second = store.page(EVERYTHING, limit=3, cursor=first.next_cursor)

        assert (ids(first.hits), ids(second.hits), second.next_cursor) == ([1, 2, 3], [4, 5, 6], None)

    def test_nothing(self, store: VectorStore) -> None:
        page = store.page(EVERYTHING, limit=3)
        assert (page.hits, page.next_cursor) == ((), None)

    @pytest.mark.parametrize("cursor", ["x", "e30=", "WzEsMl0=", "WyIyMDI2IiwgMV0"])
    def test_a_foreign_cursor(self, store: VectorStore, cursor: str) -> None:
        with pytest.raises(ValueError, match="cursor"):
            store.page(EVERYTHING, limit=3, cursor=cursor)

    def test_counts(self, store: VectorStore) -> None:
        store.insert([point(n, user_id=user) for n, user in ((1, "a"), (2, "b"), (3, "b"), (4, "c"), (5, "b"))])

        assert store.count(EVERYTHING) == 5
        assert store.count_by("user_id", EVERYTHING, limit=10) == {"b": 3, "a": 1, "c": 1}
        assert store.count_by("user_id", EVERYTHING, limit=1) == {"b": 3}
        assert store.count_by("user_id", Filter((Match("user_id", ("a", "x")),)), limit=10) == {"a": 1}


def _all_pages(store: VectorStore, limit: int) -> list[int]:
    page = store.page(EVERYTHING, limit=limit)
    found = ids(page.hits)
    while page.next_cursor is not None:
        page = store.page(EVERYTHING, limit=limit, cursor=page.next_cursor)
        assert page.hits
        found += ids(page.hits)
    return found


class TestPreparing:
    def test_again_changes_nothing(self, store: VectorStore) -> None:
        store.insert([point(1)])
        store.prepare(IDENTITY)

        assert store.count(EVERYTHING) == 1

    @pytest.mark.parametrize(
        "other", [EmbedderIdentity("openai", "test", 3), EmbedderIdentity("hashing", "test", 4)], ids=["model", "size"]
    )
    def test_an_empty_one_of_another_embedder_is_made_anew(
        self, subject: Subject, store: VectorStore, other: EmbedderIdentity
    ) -> None:
        if subject.name == "edge":
            store.close()
        again = subject.open()

        assert again.check(other) is CollectionState.REPLACEABLE
        again.prepare(other)

        assert again.check(other) is CollectionState.READY
        assert again.check(IDENTITY) is CollectionState.REPLACEABLE
        assert again.size().dimensions == other.dimensions
        again.close()

    def test_a_look_makes_nothing(self, subject: Subject) -> None:
        store = subject.open()
        assert [store.check(IDENTITY) for _ in range(2)] == [CollectionState.MISSING] * 2
        store.prepare(IDENTITY)
        assert store.check(IDENTITY) is CollectionState.READY
        store.close()

    @pytest.mark.parametrize(
        "other", [EmbedderIdentity("openai", "test", 3), EmbedderIdentity("hashing", "test", 4)], ids=["model", "size"]
    )
    def test_another_embedder_is_refused(self, subject: Subject, store: VectorStore, other: EmbedderIdentity) -> None:
        store.insert([point(1)])
        if subject.name == "edge":
            store.close()
        again = subject.open()

        with pytest.raises(WrongEmbedder, match=r"hashing/test \(3 dimensions\).*afterword reembed"):
            again.prepare(other)

    def test_from_eight_threads_at_once(self, subject: Subject) -> None:
        if subject.is_one_threaded:
            pytest.skip("the client's in-memory mode is not thread-safe")
        shared = subject.open()
        stores = [shared if subject.name == "edge" else subject.open() for _ in range(8)]
        ready = threading.Barrier(8)

        def prepare(store: VectorStore) -> None:
            ready.wait()
            store.prepare(IDENTITY)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(prepare, stores))

        stores[0].insert([point(1, lexical="cat")])
        [hits] = stores[-1].search([Search(Lexical("cat"), EVERYTHING, 1)])
        assert ids(hits) == [1]
        for store in stores:
            store.close()

    def test_open_takes_what_is_there(self, subject: Subject, store: VectorStore) -> None:
        store.insert([point(1)])
        if subject.name == "edge":
            store.close()
        again = subject.open()
        again.open()
        again.open()

        assert again.count(EVERYTHING) == 1
        again.prepare(IDENTITY)
        again.close()

    def test_open_creates_nothing(self, subject: Subject) -> None:
        store = subject.open()
        for _ in range(2):
            with pytest.raises(Misconfigured):
                store.open()

    def test_version(self, store: VectorStore) -> None:
        assert store.version().removeprefix("edge ")[0].isdigit()


def test_parallel_writing_and_searching(store: VectorStore, subject: Subject) -> None:
    if subject.is_one_threaded:
        pytest.skip("the client's in-memory mode is not thread-safe")

    def work(worker: int) -> None:
        for step in range(25):
            store.insert([point(1 + worker * 100 + step, lexical=f"worker{worker}", user_id=f"u{worker}")])
            mine = Filter((Match("user_id", (f"u{worker}",)),))
            dense, lexical = store.search(
                [Search(Dense((1, 0, 0)), mine, 100), Search(Lexical(f"worker{worker}"), mine, 100)]
            )
            assert len(dense) == len(lexical) == step + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert store.count(EVERYTHING) == 200


class TestEdge:
    def test_closed_and_opened_again(self, tmp_path: Path) -> None:
        first = EdgeStore(tmp_path / "edge")
        first.prepare(IDENTITY)
        first.insert([point(n, lexical="cat") for n in range(1, 1501)])
        first.close()
        again = EdgeStore(tmp_path / "edge")
        again.prepare(IDENTITY)

        assert again.count(EVERYTHING) == 1500
        assert len(again.search([Search(Lexical("cat"), EVERYTHING, 3)])[0]) == 3
        again.close()

    def test_survives_a_kill(self, tmp_path: Path) -> None:
        program = (
            "import os, sys, pathlib\n"
            "from tests.integration.vectors.test_vector_store import EdgeStore, IDENTITY, point\n"
            "store = EdgeStore(pathlib.Path(sys.argv[1]))\n"
            "store.prepare(IDENTITY)\n"
            "store.insert([point(n, lexical='cat') for n in range(1, 21)])\n"
            "os.kill(os.getpid(), 9)"
        )
        killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "edge")], check=False)
        store = EdgeStore(tmp_path / "edge")
        store.prepare(IDENTITY)

        assert killed.returncode == -9
        assert store.count(EVERYTHING) == 20
        assert len(store.search([Search(Lexical("cat"), EVERYTHING, 50)])[0]) == 20
        store.close()

    def test_one_process_at_a_time(self, tmp_path: Path) -> None:
        first, second = EdgeStore(tmp_path / "edge"), EdgeStore(tmp_path / "edge")
        first.prepare(IDENTITY)

        with pytest.raises(Misconfigured, match="another process"):
            second.prepare(IDENTITY)

        first.close()
        second.prepare(IDENTITY)
        second.close()

    def test_unavailable_before_it_is_opened_and_after_it_is_closed(self, tmp_path: Path) -> None:
        store = EdgeStore(tmp_path / "edge")
        with pytest.raises(VectorStoreUnavailable):
            store.count(EVERYTHING)
        store.prepare(IDENTITY)
        store.close()
        with pytest.raises(VectorStoreUnavailable):
            store.insert([point(1)])

    def test_a_refused_embedder_leaves_the_folder_free(self, tmp_path: Path) -> None:
        store = EdgeStore(tmp_path / "edge")
        store.prepare(IDENTITY)
        store.insert([point(1)])
        store.close()
        with pytest.raises(WrongEmbedder):
            store.prepare(EmbedderIdentity("hashing", "other", 3))

        again = EdgeStore(tmp_path / "edge")
        again.prepare(IDENTITY)
        again.close()


class TestServer:
    def test_an_outage_is_told_and_passes(self, tmp_path: Path) -> None:
        face = QdrantFace(tmp_path)
        face.start()
        store = ServerStore(face.url, collection="memories", timeout=2)
        store.prepare(IDENTITY)
        store.insert([point(1)])

        face.pause()
        for attempt in (
            lambda: store.insert([point(2)]),
            lambda: store.search([Search(Newest(), EVERYTHING, 1)]),
            lambda: store.count(EVERYTHING),
            lambda: store.page(EVERYTHING, limit=1),
            lambda: store.delete_where(EVERYTHING),
            lambda: store.prepare(IDENTITY),
            store.version,
        ):
            with pytest.raises(VectorStoreUnavailable) as told:
                attempt()
            assert told.value.__cause__ is not None

        face.resume()
        assert store.count(EVERYTHING) == 1
        face.stop()

    def test_nobody_there(self) -> None:
        store = ServerStore(f"http://127.0.0.1:{free_port()}", collection="memories", timeout=1)
        with pytest.raises(VectorStoreUnavailable, match=r"127\.0\.0\.1"):
            store.prepare(IDENTITY)

    def test_a_server_too_old(self, tmp_path: Path) -> None:
        face = QdrantFace(tmp_path, version="1.19.4")
        face.start()
        with pytest.raises(Misconfigured, match=r"1\.19\.4: 1\.20 or newer"):
            ServerStore(face.url, collection="memories").prepare(IDENTITY)
        face.stop()

    def test_a_collection_that_has_gone(self, tmp_path: Path) -> None:
        face = QdrantFace(tmp_path)
        face.start()
        with pytest.raises(VectorStoreUnavailable, match="404"):
            ServerStore(face.url, collection="memories").count(EVERYTHING)
        face.stop()

    def test_a_collection_without_an_embedder_is_adopted(self) -> None:
        client = QdrantClient(":memory:")
        client.create_collection("mem0", models.VectorParams(size=3, distance=models.Distance.COSINE))
        store = ServerStore(":memory:", collection="mem0", client=client)
        with pytest.raises(WrongEmbedder, match="3 dimensions"):
            store.prepare(EmbedderIdentity("openai", "big", 1536))

        store.prepare(IDENTITY)
        store.insert([point(1)])

        with pytest.raises(WrongEmbedder):
            store.prepare(EmbedderIdentity("openai", "small", 3))

    def test_data_survives_the_face(self, tmp_path: Path) -> None:
        face = QdrantFace(tmp_path)
        face.start()
        store = ServerStore(face.url, collection="memories")
        store.prepare(IDENTITY)
        store.insert([point(1)])
        face.stop()
        face.start()

        assert store.count(EVERYTHING) == 1
        face.stop()


def test_a_point_without_a_vector_is_near_nothing_and_found_by_its_words(subject: Subject, store: VectorStore) -> None:
    store.insert([point(1, lexical="cello"), point(2, vector=None, lexical="cello", at=NOON + timedelta(hours=1))])

    near, newest = store.search([Search(signal, EVERYTHING, 10) for signal in (Dense((1.0, 0.0, 0.0)), Newest())])

    assert ids(near) == [1]
    assert ids(newest) == [2, 1]
    assert ids(store.get([number(2)])) == [2]
    assert ids(store.page(EVERYTHING, limit=5).hits) == [2, 1]
    if subject.name != "memory":  # it scores no words
        [worded] = store.search([Search(Lexical("cello"), EVERYTHING, 10)])
        assert sorted(ids(worded)) == [1, 2]
    store.delete([number(2)])
    assert store.count(EVERYTHING) == 1
