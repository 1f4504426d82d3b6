"""The admin port: what maintenance may do with the collection as a whole, and nothing more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from afterword.schemas.values import Kind, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Filter, Missing, Point
from afterword.workers.stores.vectors.views import Views

NOW = datetime.now(UTC)
EMBEDDER = HashingEmbedder(64)
EVERYTHING = Filter()
STRANGER = str(uuid.UUID(int=1))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    store = EdgeStore(tmp_path / "edge")
    store.prepare(EMBEDDER.identity)
    for tenant, user, expires_at in (
        ("acme", "ann", None),
        ("acme", "bob", NOW - timedelta(days=1)),
        ("other", "ann", NOW + timedelta(days=1)),
    ):
        insert(store, UserOwner(tenant, user), expires_at)
    store.insert([Point(STRANGER, EMBEDDER.embed(["tea"])[0], {c.TEXT: "nobody's"})])
    yield store
    store.close()


@pytest.fixture
def admin(store: EdgeStore) -> StoreAdmin:
    return StoreAdmin(store)


def insert(store: EdgeStore, owner: UserOwner, expires_at: datetime | None) -> None:
    memory = StoredMemory(
        id=str(uuid.uuid4()),
        text=f"{owner.user_id} likes tea",
        scope=Scope.USER,
        kind=Kind.FACT,
        tenant_id=owner.tenant_id,
        user_id=owner.user_id,
        occurred_at=NOW,
        created_at=NOW,
        expires_at=expires_at,
    )
    Views(store).of(owner).insert([(memory, EMBEDDER.embed([memory.text])[0])])


def test_points_are_counted_by_tenant_and_all_together(admin: StoreAdmin) -> None:
    assert admin.counts_by_tenant() == {"acme": 2, "other": 1, "": 4}


def test_memories_are_counted_by_scope_and_kind_and_strangers_are_not(admin: StoreAdmin) -> None:
    counts = admin.counts_by_kind()
    assert counts[Scope.USER, Kind.FACT] == 3
    assert sum(counts.values()) == 3


def test_expired_memories_of_everyone_go_and_the_rest_stays(admin: StoreAdmin) -> None:
    removed = admin.delete_expired()
    assert removed[Scope.USER, Kind.FACT] == sum(removed.values()) == 1
    assert admin.counts_by_tenant() == {"acme": 1, "other": 1, "": 3}
    assert sum(admin.delete_expired().values()) == 0


@pytest.mark.parametrize(("size", "batches"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4]), (9, [4])])
def test_a_scan_in_batches_gives_each_point_once(admin: StoreAdmin, size: int, batches: list[int]) -> None:
    found = list(admin.scan_batches(EVERYTHING, size=size))
    assert [len(batch) for batch in found] == batches
    assert {hit.id for batch in found for hit in batch} == {hit.id for hit in admin.scan(EVERYTHING)}


def test_a_payload_field_is_set_and_others_stay(admin: StoreAdmin) -> None:
    assert admin.count(Filter((Missing(c.TENANT),))) == 1
    admin.set_payload(STRANGER, {c.TENANT: "acme"})
    assert admin.count(Filter((Missing(c.TENANT),))) == 0
    [hit] = admin.get([STRANGER])
    assert hit.payload == {c.TEXT: "nobody's", c.TENANT: "acme"}


def test_it_neither_searches_nor_lists_and_deletes_by_no_filter_of_a_caller() -> None:
    offered = {name for name in vars(StoreAdmin) if not name.startswith("_")}
    assert offered == {
        *("check", "prepare", "open", "size", "count", "counts_by_kind", "counts_by_tenant"),
        *("scan", "scan_batches", "get", "insert", "set_payload", "delete_expired"),
        *("archive", "delete", "rewrite", "folder"),
    }
