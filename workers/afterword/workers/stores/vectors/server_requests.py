"""Translates the port's values into qdrant-client's models, and its answers back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from qdrant_client import models as m

from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.queries import (
    Condition,
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
    TimeRange,
)

INSERT_BATCH: Final = 256
INSERT_BYTES: Final = 2 * 2**20
"""The most points and bytes of one upsert: its JSON stands in memory several times before it is sent."""

_BYTES_A_NUMBER = 20  # as JSON

HNSW = m.HnswConfigDiff(
    m=c.HNSW.m,
    payload_m=c.HNSW.payload_m,
    ef_construct=c.HNSW.ef_construct,
    full_scan_threshold=c.HNSW.full_scan_threshold_kb,
)
OPTIMIZERS = m.OptimizersConfigDiff(
    indexing_threshold=c.OPTIMIZERS.indexing_threshold_kb,
    deleted_threshold=c.OPTIMIZERS.deleted_threshold,
    vacuum_min_vector_number=c.OPTIMIZERS.vacuum_min_vector_number,
    flush_interval_sec=c.OPTIMIZERS.flush_interval_seconds,
)

ALL_BUT_TERMS = m.PayloadSelectorExclude(exclude=[c.LEXICAL])
_BM25 = m.Bm25Scoring(bm25=m.Bm25Params(k=c.BM25.k, b=c.BM25.b))


def index_params(index: c.Index) -> m.KeywordIndexParams | m.DatetimeIndexParams | m.TextIndexParams:
    """How the server indexes such a field."""
    match index:
        case c.Index.TENANT:
            return m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True, enable_hnsw=False)
        case c.Index.OWNER:
            return m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, enable_hnsw=True)
        case c.Index.KEYWORD:
            return m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, enable_hnsw=False)
        case c.Index.DATETIME:
            return m.DatetimeIndexParams(type=m.DatetimeIndexType.DATETIME, enable_hnsw=False)
        # The terms come analysed already: the server only has to split them at spaces.
        case c.Index.BM25:
            return m.TextIndexParams(
                type=m.TextIndexType.TEXT,
                tokenizer=m.TokenizerType.WHITESPACE,
                lowercase=False,
                scoring=True,
                enable_hnsw=False,
            )


WITHOUT_VECTOR: Final = m.Filter(must_not=[m.HasVectorCondition(has_vector="")])
"""The points that have none; the vector of our collections has no name."""


def point_struct(point: Point) -> m.PointStruct:
    """One point of an upsert."""
    return m.PointStruct(id=point.id, vector={} if point.vector is None else list(point.vector), payload=point.payload)


def batches(points: Sequence[Point], max_bytes: int = INSERT_BYTES) -> Iterator[list[Point]]:
    """The points in upserts that are bounded in number and in bytes; one alone may be larger."""
    batch: list[Point] = []
    filled = 0
    for point in points:
        size = _BYTES_A_NUMBER * len(point.vector or ()) + _payload_bytes(point.payload)
        if batch and (len(batch) >= INSERT_BATCH or filled + size > max_bytes):
            yield batch
            batch, filled = [], 0
        batch.append(point)
        filled += size
    if batch:
        yield batch


def _payload_bytes(payload: Payload) -> int:
    """About how long it is as JSON."""
    metadata = payload.get(c.METADATA) or {}
    return sum(len(value) for value in (*payload.values(), *metadata.values()) if isinstance(value, str))


def query(search: Search) -> m.QueryRequest:
    """One search of a batch."""
    params = None
    match search.signal:
        case Dense(vector):
            ranking: m.QueryInterface = m.NearestQuery(nearest=list(vector))
            using = None
        case Lexical(terms, corpus):
            ranking, using = m.TextQuery(text=m.TextQueryInput(query=terms, scoring=_BM25)), c.LEXICAL
            if corpus is not None:
                params = m.SearchParams(idf=m.IdfCorpusParams(corpus=filter_of(corpus)))
        case Newest(start):
            newest = m.OrderBy(key=c.OCCURRED_AT, direction=m.Direction.DESC, start_from=start)
            ranking, using = m.OrderByQuery(order_by=newest), None
    return m.QueryRequest(
        query=ranking,
        using=using,
        filter=filter_of(search.filter),
        limit=search.limit,
        with_payload=search.payload,
        params=params,
    )


def filter_of(where: Filter) -> m.Filter:
    """The filter as the client takes it."""
    return m.Filter(
        must=[_condition(condition) for condition in where.must],
        must_not=[_condition(condition) for condition in where.must_not],
    )


def _condition(condition: Condition) -> m.Condition:
    match condition:
        # One value is matched by itself: that costs less than a list of one.
        case Match(field, (value,)):
            return m.FieldCondition(key=field, match=m.MatchValue(value=value))
        case Match(field, values):
            return m.FieldCondition(key=field, match=m.MatchAny(any=list(values)))
        case Equals(field, value):
            return _equals(field, value)
        case TimeRange(field, since, until):
            return m.FieldCondition(key=field, range=m.DatetimeRange(gte=since, lt=until))
        case Ids(ids):
            return m.HasIdCondition(has_id=list(ids))
        case Missing(field):
            return m.IsEmptyCondition(is_empty=m.PayloadField(key=field))
        # Without filters nothing must match, but an empty `should` is no condition at all.
        case Either(filters):
            return m.Filter(should=[filter_of(each) for each in filters]) if filters else m.HasIdCondition(has_id=[])


def _equals(field: str, value: str | int | float | bool) -> m.FieldCondition:
    if isinstance(value, bool | str) or (isinstance(value, int) and abs(value) > c.EXACT_FLOAT):
        return m.FieldCondition(key=field, match=m.MatchValue(value=value))
    return m.FieldCondition(key=field, range=m.Range(gte=value, lte=value))


def hits(points: Sequence[m.ScoredPoint | m.Record], *, scored: bool = True) -> list[Hit]:
    """The points of an answer; a score that ranks by time says nothing, and becomes 0."""
    return [
        Hit(str(point.id), point.score if scored and isinstance(point, m.ScoredPoint) else 0.0, point.payload or {})
        for point in points
    ]
