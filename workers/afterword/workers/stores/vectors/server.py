"""The vector store on a Qdrant server, over REST."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from afterword.workers.core.errors import Misconfigured, VectorStoreUnavailable, WrongEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors import server_requests as requests
from afterword.workers.stores.vectors.paging import newest_page
from afterword.workers.stores.vectors.port import CollectionState
from afterword.workers.stores.vectors.queries import CollectionSize, Filter, Hit, Newest, Page, Point, Search

MINIMUM_VERSION: Final = (1, 20)
"""The first release that ranks text by BM25 itself."""

_SCAN_BATCH = 500
_EMBEDDER = "embedder"  # the key of the collection's metadata


class ServerStore:
    """A vector store in one collection of a Qdrant server."""

    def __init__(
        self,
        url: str,
        *,
        collection: str,
        api_key: str | None = None,
        timeout: float = 5.0,
        client: QdrantClient | None = None,
    ) -> None:
        """`timeout` is in seconds, rounded up to whole ones (qdrant-client takes no others). A `client` is used instead
        of the URL."""
        self._url = _without_password(url)
        self._collection = collection
        self._client = client or _client(url, api_key, timeout)

    def prepare(self, identity: EmbedderIdentity) -> None:
        """Create what is missing. Raises: WrongEmbedder; Misconfigured, for a server that is too old, a key it
        refuses, or a collection of another make."""
        with self._server_errors():
            self._check_version()
            state = self._state(identity)
            if state is CollectionState.REPLACEABLE:
                self._client.delete_collection(self._collection)
            if state is not CollectionState.READY:
                self._create(identity)
            info = self._client.get_collection(self._collection)
            # Once more: another worker may have created it meanwhile, with another embedder.
            self._check_identity(identity, info.config)
            if not (info.config.metadata or {}).get(_EMBEDDER):
                # A collection of mem0's own, or one restored without its metadata.
                self._client.update_collection(self._collection, metadata={_EMBEDDER: asdict(identity)})
            for field, index in c.INDEXES.items():
                if field not in info.payload_schema:
                    self._client.create_payload_index(
                        self._collection, field, field_schema=requests.index_params(index), wait=True
                    )

    def check(self, identity: EmbedderIdentity) -> CollectionState:
        with self._server_errors():
            self._check_version()
            return self._state(identity)

    def _state(self, identity: EmbedderIdentity) -> CollectionState:
        """Raises: WrongEmbedder, Misconfigured."""
        if not self._client.collection_exists(self._collection):
            return CollectionState.MISSING
        config = self._client.get_collection(self._collection).config
        try:
            self._check_identity(identity, config)
        except WrongEmbedder:
            # Without our mark it may be somebody else's collection, which is never deleted, empty or not.
            is_ours = (config.metadata or {}).get(_EMBEDDER) is not None
            if not is_ours or self._client.count(self._collection, exact=True).count:
                raise
            return CollectionState.REPLACEABLE
        return CollectionState.READY

    def open(self) -> None:
        """Nothing is held open; only whether the collection is there. Raises: Misconfigured, when it is not."""
        with self._server_errors():
            if not self._client.collection_exists(self._collection):
                raise Misconfigured(f"Qdrant at {self._url} has no collection {self._collection}")

    def insert(self, points: Sequence[Point]) -> None:
        # Ids follow from the content, and a retry must not undo an importance that was raised since.
        for batch in requests.batches([point for point in points if point.vector is not None]):
            self._upsert(batch, update_filter=requests.WITHOUT_VECTOR)
        for batch in requests.batches([point for point in points if point.vector is None]):
            self._upsert(batch, update_mode=m.UpdateMode.INSERT_ONLY)

    def replace(self, points: Sequence[Point]) -> None:
        for batch in requests.batches(points):
            self._upsert(batch)

    def _upsert(self, points: Sequence[Point], **how: Any) -> None:
        with self._server_errors():
            self._client.upsert(self._collection, [requests.point_struct(point) for point in points], wait=True, **how)

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        if not searches:
            return []
        with self._server_errors():
            answers = self._query([requests.query(search) for search in searches])
        return [
            requests.hits(answer.points, scored=not isinstance(search.signal, Newest))
            for search, answer in zip(searches, answers, strict=True)
        ]

    def _query(self, requested: list[m.QueryRequest]) -> list[m.QueryResponse]:
        try:
            api = self._client.http.search_api
        except NotImplementedError:  # the client's own memory
            return self._client.query_batch_points(self._collection, requested)
        # The client's own method copies each request, its vector number by number, and looks for texts to embed in it:
        # that took one of the 3.8 ms of six searches.
        batch = m.QueryRequestBatch(searches=requested)
        answers = api.query_batch_points(self._collection, query_request_batch=batch).result
        if answers is None:
            raise VectorStoreUnavailable("Qdrant answered a search with nothing")
        return answers

    def get(self, ids: Sequence[str]) -> list[Hit]:
        with self._server_errors():
            records = (
                self._client.retrieve(self._collection, list(ids), with_payload=requests.ALL_BUT_TERMS) if ids else []
            )
        found = {hit.id: hit for hit in requests.hits(records)}
        return [found[point_id] for point_id in ids if point_id in found]

    def page(self, where: Filter, *, limit: int, cursor: str | None = None) -> Page:
        return newest_page(self, where, limit, cursor)

    def newest(self, where: Filter, limit: int, start: datetime | None = None) -> list[Hit]:
        """Newest first, from `start` on; those of one time in any order."""
        return self.search([Search(Newest(start), where, limit)])[0]

    def by_id(self, where: Filter, limit: int, after: str | None) -> list[Hit]:
        """By id, those after this one."""
        with self._server_errors():
            records, _ = self._client.scroll(
                self._collection,
                scroll_filter=requests.filter_of(where),
                limit=limit + 1,
                # The offset is the first id of the answer; the one before it may be gone meanwhile.
                offset=after,
                with_payload=True,
            )
        return [hit for hit in requests.hits(records) if hit.id != after][:limit]

    def scan(self, where: Filter) -> Iterator[Hit]:
        after = None
        while hits := self.by_id(where, _SCAN_BATCH, after):
            yield from hits
            after = hits[-1].id

    def set_payload(self, ids: Sequence[str], payload: Mapping[str, Any]) -> None:
        if ids:
            with self._server_errors():
                self._client.set_payload(self._collection, dict(payload), points=list(ids), wait=True)

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            with self._server_errors():
                self._client.delete(self._collection, m.PointIdsList(points=list(ids)), wait=True)

    def delete_where(self, where: Filter) -> int:
        if not (where.must or where.must_not):
            raise ValueError("an empty filter would delete every point")
        # Counted first: a deletion by filter does not tell how many points it removed.
        matching = self.count(where)
        if matching:
            with self._server_errors():
                selector = m.FilterSelector(filter=requests.filter_of(where))
                self._client.delete(self._collection, selector, wait=True)
        return matching

    def count(self, where: Filter) -> int:
        with self._server_errors():
            return self._client.count(self._collection, requests.filter_of(where), exact=True).count

    def count_by(self, field: str, where: Filter, *, limit: int) -> dict[str, int]:
        with self._server_errors():
            answer = self._client.facet(
                self._collection, field, facet_filter=requests.filter_of(where), limit=limit, exact=True
            )
        return {str(hit.value): hit.count for hit in answer.hits}

    def size(self) -> CollectionSize:
        with self._server_errors():
            info = self._client.get_collection(self._collection)
            vectors = info.config.params.vectors
            dimensions = vectors.size if isinstance(vectors, m.VectorParams) else 0
            return CollectionSize(info.points_count or 0, dimensions, memory_bytes=self._memory_bytes())

    def _memory_bytes(self) -> int | None:
        try:
            told = self._client.http.service_api.telemetry(details_level=1).result
        except (UnexpectedResponse, NotImplementedError):  # a key for this collection alone; the client's own memory
            return None
        return told.memory.resident_bytes if told and told.memory else None

    def rewrite(self) -> bool:
        return False

    def folder(self) -> Path | None:
        return None

    def version(self) -> str:
        with self._server_errors():
            return self._client.info().version

    def close(self) -> None:
        self._client.close()

    def _check_version(self) -> None:
        version = self._client.info().version
        numbers = re.match(r"(\d+)\.(\d+)", version)
        if numbers is None or tuple(map(int, numbers.groups())) < MINIMUM_VERSION:
            wanted = ".".join(map(str, MINIMUM_VERSION))
            raise Misconfigured(f"Qdrant at {self._url} is version {version}: {wanted} or newer is needed")

    def _create(self, identity: EmbedderIdentity) -> None:
        try:
            self._client.create_collection(
                self._collection,
                vectors_config=m.VectorParams(size=identity.dimensions, distance=m.Distance.COSINE),
                hnsw_config=requests.HNSW,
                optimizers_config=requests.OPTIMIZERS,
                metadata={_EMBEDDER: asdict(identity)},
            )
        except UnexpectedResponse as error:
            if error.status_code != httpx.codes.CONFLICT:  # another worker was quicker: as good
                raise

    def _check_identity(self, identity: EmbedderIdentity, config: m.CollectionConfig) -> None:
        vectors = config.params.vectors
        if not isinstance(vectors, m.VectorParams) or vectors.distance is not m.Distance.COSINE:
            raise Misconfigured(
                f"collection {self._collection} has no unnamed cosine vector: it is not one of ours, choose another"
            )
        kept = (config.metadata or {}).get(_EMBEDDER)
        unnamed = kept is None and vectors.size == identity.dimensions
        if not unnamed and kept != asdict(identity):
            built = EmbedderIdentity(**kept) if kept else f"vectors of {vectors.size} dimensions"
            raise WrongEmbedder(f"collection {self._collection}", built_with=str(built), asked_for=str(identity))

    @contextmanager
    def _server_errors(self) -> Iterator[None]:
        """The client's errors become ours here."""
        try:
            yield
        except (ResponseHandlingException, ResourceExhaustedResponse) as error:
            raise VectorStoreUnavailable(f"Qdrant at {self._url}: {_reason(error)}") from error
        except UnexpectedResponse as error:
            raise self._refusal(error) from error

    def _refusal(self, error: UnexpectedResponse) -> Exception:
        match error.status_code:
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
                return Misconfigured(
                    f"Qdrant at {self._url} refuses the API key ({error.status_code}): mend AFTERWORD_QDRANT_API_KEY"
                )
            case httpx.codes.BAD_REQUEST | httpx.codes.UNPROCESSABLE_ENTITY:
                return ValueError(f"the vector store refuses the request: {error}")
        return VectorStoreUnavailable(f"Qdrant at {self._url}: {error}")


def _reason(error: ResponseHandlingException | ResourceExhaustedResponse) -> str:
    source = error.source if isinstance(error, ResponseHandlingException) else error
    return f"{type(source).__name__}: {source}"


def _client(url: str, api_key: str | None, timeout: float) -> QdrantClient:
    return QdrantClient(
        url=url,
        api_key=api_key,
        timeout=ceil(timeout),
        check_compatibility=False,  # `prepare` does, and says what to do
        # The client keeps no connection to a server on this machine open unless told.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
    )


def _without_password(url: str) -> str:
    """For messages: the URL without who it is asked as, and without its query, which may hold a key."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
