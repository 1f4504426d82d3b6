"""Translates the port's values into Qdrant Edge's own, and its answers back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import qdrant_edge as q

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
    Search,
    Signal,
    TimeRange,
)


def config(dimensions: int) -> q.EdgeConfig:
    """The settings of a new folder."""
    return q.EdgeConfig(
        vectors=q.EdgeVectorParams(size=dimensions, distance=q.Distance.Cosine),
        hnsw_config=q.HnswIndexConfig(
            m=c.HNSW.m,
            ef_construct=c.HNSW.ef_construct,
            full_scan_threshold=c.HNSW.full_scan_threshold_kb,
            payload_m=c.HNSW.payload_m,
        ),
        optimizers=q.EdgeOptimizersConfig(
            deleted_threshold=c.OPTIMIZERS.deleted_threshold,
            vacuum_min_vector_number=c.OPTIMIZERS.vacuum_min_vector_number,
            indexing_threshold=c.OPTIMIZERS.indexing_threshold_kb,
        ),
        # There is one segment. More threads find nothing to do and spin: six searches took .63 ms and 1.1 ms of
        # processor time with one for each of two cores, .48 ms of both with one.
        max_search_threads=1,
        wal_enabled=True,
    )


def index_params(index: c.Index) -> q.PayloadSchemaParams:
    """How the engine indexes such a field."""
    match index:
        case c.Index.TENANT:
            return q.KeywordIndexParams(is_tenant=True, enable_hnsw=False)
        case c.Index.OWNER:
            return q.KeywordIndexParams(enable_hnsw=True)
        case c.Index.KEYWORD:
            return q.KeywordIndexParams(enable_hnsw=False)
        case c.Index.DATETIME:
            return q.DatetimeIndexParams(enable_hnsw=False)
        # The terms come analysed already: the engine only has to split them at spaces.
        case c.Index.BM25:
            return q.TextIndexParams(
                tokenizer=q.TokenizerType.Whitespace, lowercase=False, scoring=True, enable_hnsw=False
            )


def queries(searches: Sequence[Search]) -> list[q.QueryRequest]:
    """The requests of one batch. A vector or a filter that several of them share is converted once."""
    shared = _SharedValues()
    return [
        q.QueryRequest(
            limit=search.limit,
            query=shared.signal(search.signal),
            filter=shared.filter(search.filter),
            with_payload=search.payload,
            with_vector=False,
            params=shared.params(search.signal),
        )
        for search in searches
    ]


class _SharedValues:
    """The engine's values of one batch: each filter and each vector is converted once, by its identity."""

    def __init__(self) -> None:
        self._filters: dict[int, q.Filter] = {}
        self._nearest: dict[int, q.Query] = {}

    def filter(self, where: Filter) -> q.Filter:
        if id(where) not in self._filters:
            self._filters[id(where)] = filter_of(where)
        return self._filters[id(where)]

    def params(self, signal: Signal) -> q.SearchParams | None:
        if isinstance(signal, Lexical) and signal.corpus is not None:
            return q.SearchParams(idf=q.IdfParams(corpus=self.filter(signal.corpus)))
        return None

    def signal(self, signal: Signal) -> q.ScoringQueryType:
        match signal:
            case Dense(vector):
                if id(vector) not in self._nearest:
                    self._nearest[id(vector)] = q.Query.Nearest(list(vector))
                return self._nearest[id(vector)]
            case Lexical(terms):
                return q.TextQuery(c.LEXICAL, terms, q.Bm25Params(k=c.BM25.k, b=c.BM25.b))
            case Newest(start):
                return q.OrderBy(c.OCCURRED_AT, q.Direction.Desc, start.isoformat() if start else None)


def without_vector() -> q.Filter:
    """The points that have none."""
    return q.Filter(must_not=[q.HasVectorCondition("")])


def filter_of(where: Filter) -> q.Filter:
    """The filter as the engine takes it."""
    return q.Filter(
        must=[_condition(condition) for condition in where.must],
        must_not=[_condition(condition) for condition in where.must_not],
    )


def _condition(condition: Condition) -> q.ConditionType:
    match condition:
        # One value is matched by itself: that costs less than a list of one.
        case Match(field, (value,)):
            return q.FieldCondition(field, match=q.MatchValue(value))
        case Match(field, values):
            return q.FieldCondition(field, match=q.MatchAny(list(values)))
        case Equals(field, value):
            return _equals(field, value)
        case TimeRange(field, since, until):
            return q.FieldCondition(
                field,
                range=q.RangeDateTime(
                    gte=since.isoformat() if since else None, lt=until.isoformat() if until else None
                ),
            )
        case Ids(ids):
            return q.HasIdCondition(set(ids))
        case Missing(field):
            return q.IsEmptyCondition(field)
        # Without filters nothing must match, but an empty `should` is no condition at all.
        case Either(filters):
            return q.Filter(should=[filter_of(each) for each in filters]) if filters else q.HasIdCondition(set())


def _equals(field: str, value: str | int | float | bool) -> q.FieldCondition:
    if isinstance(value, bool):
        # As numpy's boolean: Python's own are taken for the numbers 1 and 0.
        return q.FieldCondition(field, match=q.MatchValue(np.bool_(value)))  # type: ignore[arg-type]
    if isinstance(value, str) or (isinstance(value, int) and abs(value) > c.EXACT_FLOAT):
        return q.FieldCondition(field, match=q.MatchValue(value))
    return q.FieldCondition(field, range=q.RangeFloat(gte=value, lte=value))


def hits(points: Sequence[q.ScoredPoint | q.Record], *, scored: bool = True) -> list[Hit]:
    """The points of an answer; a score that ranks by time says nothing, and becomes 0."""
    return [
        Hit(str(point.id), point.score if scored and isinstance(point, q.ScoredPoint) else 0.0, point.payload or {})
        for point in points
    ]
