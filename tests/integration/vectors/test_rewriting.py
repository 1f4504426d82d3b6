"""Writing the files of the embedded store anew: what was deleted is in none of them."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.stores.vectors import edge
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.queries import Dense, Filter, Match, Point, Search
from tests.support.workshop import Crash

IDENTITY = EmbedderIdentity("hashing", "words", 4)
GONE, KEPT, BARE = (str(uuid4()) for _ in range(3))
EVERYTHING = Filter(must_not=(Match("tenant_id", ("none",)),))


def point(point_id: str, word: str, vector: list[float] | None) -> Point:
    return Point(
        point_id, vector, {"data": f"plays the {word}", "lexical": word, "user_id": word, "tenant_id": "default"}
    )


@pytest.fixture
def folder(edge_folder: Path) -> Path:
    return edge_folder / "memories"


@pytest.fixture
def store(folder: Path) -> Iterator[EdgeStore]:
    with closing(EdgeStore(folder)) as opened:
        opened.prepare(IDENTITY)
        opened.insert([point(GONE, "kazoo-of-the-gone", [1, 0, 0, 0]), point(KEPT, "viola-that-stays", [0, 1, 0, 0])])
        opened.insert([point(BARE, "bare", None)])
        opened.delete([GONE])
        yield opened


def in_files(folder: Path, word: str) -> bool:
    return any(word.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_nothing_deleted_is_left_in_a_file_and_all_else_is(store: EdgeStore, folder: Path) -> None:
    assert in_files(folder, "kazoo-of-the-gone"), "deleting alone leaves it there"
    assert store.rewrite()
    assert not in_files(folder, "kazoo-of-the-gone")
    assert in_files(folder, "viola-that-stays")
    [[best]] = store.search([Search(Dense([0, 1, 0, 0]), EVERYTHING, 1)])
    assert (best.id, round(best.score, 3)) == (KEPT, 1.0)
    store.insert([point(GONE, "back", [1, 0, 0, 0])])
    store.close()
    store.prepare(IDENTITY)
    assert {hit.id for hit in store.scan(EVERYTHING)} == {GONE, KEPT, BARE}
    assert sorted(each.name for each in folder.iterdir()) == ["embedder.json", "shard"]


@pytest.mark.parametrize("moment", [1, 2])
def test_a_kill_half_way_loses_nothing(
    store: EdgeStore, folder: Path, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the new shard takes its place, and between the two moves."""
    calls = []

    def ends(_: Path) -> None:
        calls.append(1)
        if len(calls) == moment:
            if moment == 2:
                # The last move is undone, as if the process had ended before it.
                (folder / "shard").rename(folder / "shard.new")
            raise Crash

    monkeypatch.setattr(edge, "sync_names", ends)
    with pytest.raises(Crash):
        store.rewrite()
    shutil.copytree(folder, folder.parent / "after")
    if moment == 2:
        (folder / "shard.new").rename(folder / "shard")
    with closing(EdgeStore(folder.parent / "after")) as after:
        after.prepare(IDENTITY)
        assert {hit.id for hit in after.scan(EVERYTHING)} == {KEPT, BARE}
        assert sorted(each.name for each in (folder.parent / "after").iterdir()) == ["embedder.json", "shard"]


def test_a_disk_that_fails_is_an_outage_and_the_store_serves_on(
    store: EdgeStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(edge, "sync_names", full)
        with pytest.raises(VectorStoreUnavailable, match="No space left"):
            store.rewrite()
    assert {hit.id for hit in store.scan(EVERYTHING)} == {KEPT, BARE}
    # Of a rewriting whose last step failed.
    (folder / "shard.old" / "wal").mkdir(parents=True)
    assert store.rewrite()
    assert not in_files(folder, "kazoo-of-the-gone")
    assert sorted(each.name for each in folder.iterdir()) == ["embedder.json", "shard"]
