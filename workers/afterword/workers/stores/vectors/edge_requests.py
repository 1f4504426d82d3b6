"""The port's values as Qdrant Edge's own, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import qdrant_edge as q

from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.port import (
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

ALL_BUT_TERMS = q.PayloadSelector.Exclude([c.LEXICAL])


def config(dimensions: int) -> q.EdgeConfig:
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
        wal_enabled=True,
    )


def index_params(index: c.Index) -> q.PayloadSchemaParams:
    match index:
        case c.Index.TENANT:
            return q.KeywordIndexParams(is_tenant=True, enable_hnsw=False)
        case c.Index.OWNER:
            return q.KeywordIndexParams(enable_hnsw=True)
        case c.Index.KEYWORD:
            return q.KeywordIndexParams(enable_hnsw=False)
        case c.Index.DATETIME:
            return q.DatetimeIndexParams(enable_hnsw=False)
        case c.Index.BM25:
            return q.TextIndexParams(
                tokenizer=q.TokenizerType.Whitespace, lowercase=False, scoring=True, enable_hnsw=False
            )


def queries(searches: Sequence[Search]) -> list[q.QueryRequest]:
    """What they share, such as the vector of a question to several corners, is handed over once."""
    signals = {id(search.signal): search.signal for search in searches}
    dense = {
        id(each.vector): q.Query.Nearest(list(each.vector)) for each in signals.values() if isinstance(each, Dense)
    }
    return [
        _query(search, dense[id(search.signal.vector)] if isinstance(search.signal, Dense) else _signal(search.signal))
        for search in searches
    ]


def _query(search: Search, signal: q.ScoringQueryType) -> q.QueryRequest:
    return q.QueryRequest(
        limit=search.limit,
        query=signal,
        filter=filter_of(search.filter),
        with_payload=search.payload,
        with_vector=False,
        params=_params(search.signal),
    )


def _params(signal: Signal) -> q.SearchParams | None:
    if isinstance(signal, Lexical) and signal.corpus is not None:
        return q.SearchParams(idf=q.IdfParams(corpus=filter_of(signal.corpus)))
    return None


def _signal(signal: Lexical | Newest) -> q.ScoringQueryType:
    match signal:
        case Lexical(terms):
            return q.TextQuery(c.LEXICAL, terms, q.Bm25Params(k=c.BM25.k, b=c.BM25.b))
        case Newest():
            return q.OrderBy(c.OCCURRED_AT, q.Direction.Desc)


def filter_of(where: Filter) -> q.Filter:
    return q.Filter(
        must=[_condition(condition) for condition in where.must],
        must_not=[_condition(condition) for condition in where.must_not],
    )


def _condition(condition: Condition) -> q.ConditionType:
    match condition:
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
        case Either(filters):
            return q.Filter(should=[filter_of(each) for each in filters]) if filters else q.HasIdCondition(set())


def _equals(field: str, value: str | int | float | bool) -> q.FieldCondition:
    if isinstance(value, bool):
        # Python's own booleans are taken for the numbers 1 and 0.
        return q.FieldCondition(field, match=q.MatchValue(np.bool_(value)))  # type: ignore[arg-type]
    if isinstance(value, str) or (isinstance(value, int) and abs(value) > c.EXACT_FLOAT):
        return q.FieldCondition(field, match=q.MatchValue(value))
    return q.FieldCondition(field, range=q.RangeFloat(gte=value, lte=value))


def hits(points: Sequence[q.ScoredPoint | q.Record], *, scored: bool = True) -> list[Hit]:
    return [
        Hit(str(point.id), point.score if scored and isinstance(point, q.ScoredPoint) else 0.0, point.payload or {})
        for point in points
    ]
