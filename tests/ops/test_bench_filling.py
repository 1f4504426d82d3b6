"""What the recall benchmark compares is asked of the same memories: over Edge, over a server, by mem0 and by us."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Filter, Hit
from afterword.workers.stores.vectors.server import ServerStore
from ops.bench import asking, mem0_search
from ops.bench.filling import MEM0S, OF_AGENT, OURS, TENANT, Filling, user_with
from tests.support.qdrant_face import QdrantFace

OWN = 60
OTHERS = 500
ASKED = (user_with(OWN), "agent-1", "session-2")
OF_MEM0 = {c.TEXT, c.LEMMAS, c.HASH, c.USER, c.AGENT, c.SESSION, c.CREATED_AT, c.UPDATED_AT, c.ATTRIBUTED_TO}


@pytest.fixture
def filling(tmp_path: Path) -> Filling:
    found = Filling(tmp_path, owns=[OWN])
    found.up_to(OF_AGENT + OWN)
    found.up_to(OF_AGENT + OWN + OTHERS)
    return found


@contextmanager
def in_process(filling: Filling) -> Iterator[EdgeStore]:
    store = EdgeStore(filling.ours)
    store.open()
    with closing(store):
        yield store


@contextmanager
def served(filling: Filling, folder: Path) -> Iterator[str]:
    """The URL of a server of both collections."""
    filling.serve_from(folder, HashingEmbedder().identity)
    face = QdrantFace(folder)
    face.start()
    try:
        yield face.url
    finally:
        face.stop()


def points(store: VectorStore) -> dict[str, Hit]:
    return {hit.id: hit for hit in store.scan(Filter())}


def test_a_worker_finds_the_same_memories_on_the_server_as_in_the_folder(filling: Filling, tmp_path: Path) -> None:
    with in_process(filling) as store:
        expected = points(store)
    with served(filling, tmp_path / "qdrant") as url, closing(ServerStore(url, collection=OURS)) as server:
        server.prepare(HashingEmbedder().identity)
        assert points(server) == expected
    owners = Counter(hit.payload.get(c.USER) or hit.payload[c.AGENT] for hit in expected.values())
    assert (owners.total(), owners[user_with(OWN)], owners["agent-1"]) == (OF_AGENT + OWN + OTHERS, OWN, OF_AGENT)


def test_mem0_has_the_same_memories_and_nothing_that_it_would_not_write(filling: Filling, tmp_path: Path) -> None:
    with (
        served(filling, tmp_path / "qdrant") as url,
        closing(ServerStore(url, collection=OURS)) as ours,
        closing(ServerStore(url, collection=MEM0S)) as mem0s,
    ):
        expected, found = points(ours), points(mem0s)
    assert found.keys() == expected.keys()
    for key, hit in found.items():
        assert {c.TEXT, c.LEMMAS, c.HASH, c.CREATED_AT} <= set(hit.payload) <= OF_MEM0
        assert {c.USER, c.AGENT} & set(hit.payload), "somebody's"
        shared = set(hit.payload) & set(expected[key].payload)
        assert {c.TEXT, c.HASH, c.CREATED_AT} <= shared
        assert all(hit.payload[field] == expected[key].payload[field] for field in shared)


def test_mem0_finds_the_same_with_its_own_client_as_in_this_process(filling: Filling, tmp_path: Path) -> None:
    questions = list(islice(asking.questions(1), 5))
    with in_process(filling) as store:
        search = mem0_search.injected(store, HashingEmbedder(), TENANT, *ASKED)
        expected = [search(query) for query in questions]
    with (
        served(filling, tmp_path / "qdrant") as url,
        mem0_search.over_http(url, MEM0S, HashingEmbedder(), *ASKED) as search,
    ):
        assert [search(query) for query in questions] == expected
    assert any(all(found) for found in expected), "of the user, the agent and the session"


def test_mem0_without_a_server_finds_the_same(filling: Filling, tmp_path: Path) -> None:
    questions = list(islice(asking.questions(1), 5))
    with in_process(filling) as store:
        search = mem0_search.injected(store, HashingEmbedder(), TENANT, *ASKED)
        expected = [search(query) for query in questions]
    with mem0_search.without_server(tmp_path / "alone", filling.as_mem0_writes(), HashingEmbedder()) as of:
        assert [of(*ASKED)(query) for query in questions] == expected


def test_the_collections_go_on_growing_after_mem0_has_used_the_server(filling: Filling, tmp_path: Path) -> None:
    with (
        served(filling, tmp_path / "before") as url,
        mem0_search.over_http(url, MEM0S, HashingEmbedder(), *ASKED) as search,
    ):
        search("anything")
    filling.up_to(OF_AGENT + OWN + 2 * OTHERS)
    with served(filling, tmp_path / "after") as url:
        for name in (OURS, MEM0S):
            with closing(ServerStore(url, collection=name)) as store:
                assert store.count(Filter()) == OF_AGENT + OWN + 2 * OTHERS
