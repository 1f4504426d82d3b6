"""The vector store in this process: Qdrant Edge, the server's own engine, durable in one folder.

One process may hold a folder at a time. Nothing optimizes in the background: at 20,000 points a batch of a dense, a
lexical and a time-ordered search takes .8 ms in the one growing segment, and 1.9 ms after optimizing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import qdrant_edge as q

from afterword.workers.core.errors import Misconfigured, VectorStoreUnavailable, WrongEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors import edge_requests as requests
from afterword.workers.stores.vectors.edge_files import disk_bytes, held_alone, sync_names, write_atomically
from afterword.workers.stores.vectors.paging import newest_page
from afterword.workers.stores.vectors.port import CollectionState
from afterword.workers.stores.vectors.queries import CollectionSize, Filter, Hit, Newest, Page, Point, Search

_FLUSH_EVERY = 1_000  # writes; what is newer comes back from the write-ahead log
_SCAN_BATCH = 500
_ANEW, _REPLACED = "shard.new", "shard.old"  # while the files are written anew
# How the engine begins its messages about a request that can never work; its errors have no types.
_OUR_FAULT = ("Wrong input", "Vector dimension error", "Not existing vector", "Validation failed", "No range index")


class EdgeStore:
    """A vector store in a folder. `prepare` opens it; until then, and after `close`, it is unavailable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._shard: q.EdgeShard | None = None
        self._unflushed = 0
        # Writers wait while the files are written anew; readers do not.
        self._writing = threading.Lock()

    def prepare(self, identity: EmbedderIdentity) -> None:
        """Open the folder, or create it. Raises: WrongEmbedder; Misconfigured, when another process holds it."""
        with self._lock:
            if self._shard is None:
                self._recover()
                if not self._path.exists():
                    self._create(identity.dimensions)
                self._shard = self._load()
            try:
                if self._state(self._shard, identity) is CollectionState.REPLACEABLE:
                    self._shard = self._made_anew(self._shard, identity)
                if not self._identity_file.exists():
                    write_atomically(self._identity_file, json.dumps(asdict(identity)))
                self._create_indexes(self._shard)
            # Else the folder stays held by this process, and nobody could open it again.
            except BaseException:
                self._shard.close()
                self._shard = None
                raise

    def check(self, identity: EmbedderIdentity) -> CollectionState:
        """Raises: WrongEmbedder; Misconfigured, when another process holds the folder."""
        with self._lock:
            if self._shard is None:
                self._recover()
            if not self._path.exists():
                return CollectionState.MISSING
            self._shard = self._shard or self._load()
            return self._state(self._shard, identity)

    def open(self) -> None:
        """Open the folder. Raises: Misconfigured, when it holds no store, or another process holds it."""
        with self._lock:
            if self._shard is None:
                self._recover()
                if not self._path.exists():
                    raise Misconfigured(f"there is no vector store in {self._folder}")
                self._shard = self._load()

    def insert(self, points: Sequence[Point]) -> None:
        # Ids follow from the content, and a retry must not undo an importance that was raised since.
        if whole := [q.Point(each.id, list(each.vector), each.payload) for each in points if each.vector is not None]:
            self._update(q.UpdateOperation.upsert_points(whole, condition=requests.without_vector()), len(whole))
        if bare := [q.Point(each.id, {}, each.payload) for each in points if each.vector is None]:
            self._update(q.UpdateOperation.upsert_points(bare, update_mode=q.UpdateMode.InsertOnly), len(bare))

    def replace(self, points: Sequence[Point]) -> None:
        if points:
            whole = [
                q.Point(each.id, {} if each.vector is None else list(each.vector), each.payload) for each in points
            ]
            self._update(q.UpdateOperation.upsert_points(whole), len(whole))

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        if not searches:
            return []
        with _engine_errors():
            answers = self._open_shard.query_batch(q.QueryBatchRequest(requests.queries(searches)))
        return [
            requests.hits(answer, scored=not isinstance(search.signal, Newest))
            for search, answer in zip(searches, answers, strict=True)
        ]

    def get(self, ids: Sequence[str]) -> list[Hit]:
        with _engine_errors():
            # With the lexical field: leaving it out takes the engine longer than handing it over.
            records = self._open_shard.retrieve(list(ids), with_payload=True, with_vector=False)
        found = {hit.id: hit for hit in requests.hits(records)}
        return [found[point_id] for point_id in ids if point_id in found]

    def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        return newest_page(self, where, limit, cursor)

    def newest(self, where: Filter, limit: int, start: datetime | None = None) -> list[Hit]:
        """Newest first, from `start` on; those of one time in any order."""
        return self.search([Search(Newest(start), where, limit)])[0]

    def by_id(self, where: Filter, limit: int, after: str | None) -> list[Hit]:
        """By id, those after this one."""
        request = q.ScrollRequest(
            # The offset is the first id of the answer; the one before it may be gone meanwhile, or still be there.
            offset=after,
            limit=limit + 1,
            filter=requests.filter_of(where),
            with_payload=True,
            with_vector=False,
        )
        with _engine_errors():
            records, _ = self._open_shard.scroll(request)
        return [hit for hit in requests.hits(records) if hit.id != after][:limit]

    def scan(self, where: Filter) -> Iterator[Hit]:
        after = None
        while hits := self.by_id(where, _SCAN_BATCH, after):
            yield from hits
            after = hits[-1].id

    def set_payload(self, ids: Sequence[str], payload: Mapping[str, Any]) -> None:
        if ids:
            self._update(q.UpdateOperation.set_payload(list(ids), dict(payload)), len(ids))

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            self._update(q.UpdateOperation.delete_points(list(ids)), len(ids))

    def delete_where(self, where: Filter) -> int:
        if not (where.must or where.must_not):
            raise ValueError("an empty filter would delete every point")
        # Counted first: a deletion by filter does not tell how many points it removed.
        matching = self.count(where)
        if matching:
            self._update(q.UpdateOperation.delete_points_by_filter(requests.filter_of(where)), matching)
        return matching

    def count(self, where: Filter) -> int:
        with _engine_errors():
            return self._open_shard.count(q.CountRequest(exact=True, filter=requests.filter_of(where)))

    def count_by(self, field: str, where: Filter, *, limit: int) -> dict[str, int]:
        request = q.FacetRequest(key=field, limit=limit, exact=True, filter=requests.filter_of(where))
        with _engine_errors():
            return {str(hit.value): hit.count for hit in self._open_shard.facet(request)}

    def size(self) -> CollectionSize:
        shard = self._open_shard
        with _engine_errors():
            points = shard.info().points_count
        return CollectionSize(points, self._identity().dimensions, disk_bytes=disk_bytes(self._folder))

    def version(self) -> str:
        return f"edge {version('qdrant-edge-py')}"

    def folder(self) -> Path | None:
        return self._folder

    def rewrite(self) -> bool:
        """Copy what is left into a new shard, which takes the place of the old one.

        The engine's own optimizer is not enough: its write-ahead log keeps whatever was ever written.

        Raises: VectorStoreUnavailable, when the disk or the engine fails; until the folders change places, the old
            shard serves on.
        """
        try:
            self._rewrite()
        except OSError as error:
            raise VectorStoreUnavailable(f"the files in {self._folder} were not rewritten: {error.strerror}") from error
        return True

    def _rewrite(self) -> None:
        with self._writing, self._lock, held_alone(self._folder):
            old, anew = self._open_shard, self._folder / _ANEW
            for each in (_ANEW, _REPLACED):
                # Of a rewriting that failed before.
                shutil.rmtree(self._folder / each, ignore_errors=True)
            unfinished = self._copied(old)
            unfinished.rename(anew)
            sync_names(self._folder)
            self._path.rename(self._folder / _REPLACED)
            try:
                anew.rename(self._path)
                sync_names(self._folder)
                self._shard, self._unflushed = self._load(), 0
            except BaseException:
                # Closed rather than written to where nobody looks; the next start finds one of the two.
                self._shard = None
                raise
            # Readers that still have it finish; nobody else gets it any more.
            del old
            shutil.rmtree(self._folder / _REPLACED)

    def close(self) -> None:
        with self._lock:
            shard, self._shard = self._shard, None
            if shard is not None:
                with _engine_errors():
                    shard.flush()
                    shard.close()

    @property
    def _open_shard(self) -> q.EdgeShard:
        shard = self._shard
        if shard is None:
            raise VectorStoreUnavailable(f"the vector store in {self._folder} is not open")
        return shard

    def _copied(self, shard: q.EdgeShard) -> Path:
        """The folder of a new shard that holds what this one does, closed."""
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self._folder))
        try:
            with _engine_errors():
                copy = q.EdgeShard.create(str(unfinished), requests.config(self._identity().dimensions))
                self._create_indexes(copy)
                _copy(shard, copy)
                copy.flush()
                copy.close()
        except BaseException:
            # A disk that is full must not stay so for this.
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return unfinished

    def _recover(self) -> None:
        """Finish what a kill has left of a rewriting: the new shard is whole as soon as it has its name."""
        left = (self._folder / _ANEW, self._folder / _REPLACED)
        # Another process that rewrites at this moment has the folder, and nothing of it is left over.
        with suppress(BlockingIOError), held_alone(self._folder, at_once=True):
            if not self._path.exists() and left[0].exists():
                left[0].rename(self._path)
            # Where the shard is there, the copy is older than it.
            for each in left:
                shutil.rmtree(each, ignore_errors=True)

    def _update(self, operation: q.UpdateOperation, written: int) -> None:
        with _engine_errors():
            with self._writing:
                self._open_shard.update(operation)
                with self._lock:
                    self._unflushed += written
                    flush = self._unflushed >= _FLUSH_EVERY
                    self._unflushed = 0 if flush else self._unflushed
            # Outside of the locks: other writers need not wait for the disk.
            if flush:
                self._open_shard.flush()

    @property
    def _path(self) -> Path:
        return self._folder / "shard"

    def _load(self) -> q.EdgeShard:
        try:
            with _engine_errors():
                return q.EdgeShard.load(str(self._path))
        except VectorStoreUnavailable as error:
            # The engine's words for a folder that is locked.
            if "WouldBlock" in str(error):
                raise Misconfigured(
                    f"another process has the vector store in {self._folder} open: stop it, or use a Qdrant server"
                ) from error
            raise

    def _create(self, dimensions: int) -> None:
        # Made aside and moved into place, so that a kill half-way leaves nothing that looks like a store.
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self._folder))
        except OSError as error:
            raise Misconfigured(f"AFTERWORD_EDGE_PATH: {self._folder} cannot be used: {error.strerror}") from None
        with _engine_errors():
            q.EdgeShard.create(str(unfinished), requests.config(dimensions)).close()
        unfinished.rename(self._path)

    def _state(self, shard: q.EdgeShard, identity: EmbedderIdentity) -> CollectionState:
        """Raises: WrongEmbedder."""
        kept = self._identity() if self._identity_file.exists() else identity
        if kept == identity:
            return CollectionState.READY
        with _engine_errors():
            points = shard.count(q.CountRequest(exact=True))
        if points == 0:
            return CollectionState.REPLACEABLE
        place = f"the vector store in {self._folder}"
        raise WrongEmbedder(place, built_with=str(kept), asked_for=str(identity))

    def _made_anew(self, empty: q.EdgeShard, identity: EmbedderIdentity) -> q.EdgeShard:
        with _engine_errors():
            empty.close()
        # The name goes last: whatever a kill leaves is empty and of another embedder, and is made anew once more.
        emptied = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self._folder))
        self._path.rename(emptied / "shard")
        shutil.rmtree(emptied)
        self._create(identity.dimensions)
        self._identity_file.unlink()
        return self._load()

    def _identity(self) -> EmbedderIdentity:
        return EmbedderIdentity(**json.loads(self._identity_file.read_text(encoding="utf-8")))

    @property
    def _identity_file(self) -> Path:
        return self._folder / "embedder.json"

    def _create_indexes(self, shard: q.EdgeShard) -> None:
        with _engine_errors():
            existing = shard.info().payload_schema
            for field, index in c.INDEXES.items():
                if field not in existing:
                    shard.update(q.UpdateOperation.create_field_index(field, requests.index_params(index)))


def _copy(source: q.EdgeShard, target: q.EdgeShard) -> None:
    """Every point of a shard, with its vector and payload."""
    after = None
    while True:
        request = q.ScrollRequest(offset=after, limit=_SCAN_BATCH, with_payload=True, with_vector=True)
        records, after = source.scroll(request)
        points = [q.Point(each.id, each.vector or {}, each.payload or {}) for each in records]
        if points:
            target.update(q.UpdateOperation.upsert_points(points))
        if after is None:
            return


@contextmanager
def _engine_errors() -> Iterator[None]:
    """The engine raises bare `Exception`s; this is the one place where they become ours."""
    try:
        yield
    except Exception as error:
        if type(error) is not Exception:
            raise
        if str(error).startswith(_OUR_FAULT):
            raise ValueError(f"the vector store refuses the request: {error}") from error
        raise VectorStoreUnavailable(f"Qdrant Edge: {error}") from error
