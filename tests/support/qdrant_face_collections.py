"""The collections behind `qdrant_face`: Qdrant's REST bodies, answered by Qdrant Edge shards."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as q

_Json = dict[str, Any]
_COMPLETED = {"operation_id": 0, "status": "completed"}


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Collections:
    """Every method takes a collection's name and the JSON body, and returns the JSON result. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._shards: dict[str, q.EdgeShard] = {}
        self._configs: dict[str, _Json] = {}

    def open(self) -> None:
        """Load what is in the folder."""
        for config in self._folder.glob("*.json"):
            self._configs[config.stem] = json.loads(config.read_text())
            self._shards[config.stem] = q.EdgeShard.load(str(self._folder / config.stem))

    def close(self) -> None:
        """Write everything down."""
        for shard in self._shards.values():
            shard.flush()
            shard.close()
        self._shards.clear()

    def names(self, _: _Json) -> _Json:
        return {"collections": [{"name": name} for name in self._shards]}

    def exists(self, name: str, _: _Json) -> _Json:
        return {"exists": name in self._shards}

    def create(self, name: str, body: _Json) -> bool:
        vectors = body["vectors"]
        with self._lock:
            if name in self._shards:
                raise Refusal(HTTPStatus.CONFLICT, f"Wrong input: Collection `{name}` already exists!")
            self._folder.mkdir(parents=True, exist_ok=True)
            parameters = q.EdgeVectorParams(size=vectors["size"], distance=getattr(q.Distance, vectors["distance"]))
            # One segment: more threads find nothing to do and spin.
            shard = q.EdgeShard.create(str(self._folder / name), q.EdgeConfig(vectors=parameters, max_search_threads=1))
            self._configs[name] = {"vectors": vectors, "metadata": body.get("metadata")}
            self._save(name)
            self._shards[name] = shard
        return True

    def describe(self, name: str, body: _Json) -> bool:
        self._shard(name)
        with self._lock:
            self._configs[name]["metadata"] = (self._configs[name]["metadata"] or {}) | (body.get("metadata") or {})
            self._save(name)
        return True

    def drop(self, name: str, _: _Json) -> bool:
        with self._lock:
            shard = self._shards.pop(name, None)
            if shard is None:
                return False
            shard.close()
            shutil.rmtree(self._folder / name)
            (self._folder / f"{name}.json").unlink()
        return True

    def info(self, name: str, _: _Json) -> _Json:
        shard = self._shard(name).info()
        config = self._configs[name]
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": shard.segments_count,
            "points_count": shard.points_count,
            "config": {
                "params": {"vectors": config["vectors"]},
                "hnsw_config": {"m": 0, "ef_construct": 128, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "metadata": config["metadata"],
            },
            "payload_schema": {
                field: {"data_type": str(index.data_type).rpartition(".")[2].lower(), "points": index.points}
                for field, index in shard.payload_schema.items()
            },
        }

    def index(self, name: str, body: _Json) -> _Json:
        operation = q.UpdateOperation.create_field_index(body["field_name"], _index(body["field_schema"]))
        return self._update(name, operation)

    def upsert(self, name: str, body: _Json) -> _Json:
        mode = {"insert_only": q.UpdateMode.InsertOnly, "update_only": q.UpdateMode.UpdateOnly}
        points = [q.Point(point["id"], point["vector"], point.get("payload")) for point in body["points"]]
        chosen = mode.get(body.get("update_mode") or "", q.UpdateMode.Upsert)
        only = _filter(body["update_filter"]) if body.get("update_filter") else None
        return self._update(name, q.UpdateOperation.upsert_points(points, condition=only, update_mode=chosen))

    def retrieve(self, name: str, body: _Json) -> list[_Json]:
        with _refusals():
            shard = self._shard(name)
            records = shard.retrieve(
                body["ids"], with_payload=_payload(body.get("with_payload", True)), with_vector=False
            )
        return [_point(record) for record in records]

    def query(self, name: str, body: _Json) -> _Json:
        return self.query_batch(name, {"searches": [body]})[0]

    def query_batch(self, name: str, body: _Json) -> list[_Json]:
        with _refusals():
            batch = q.QueryBatchRequest([_query(search) for search in body["searches"]])
            answers = self._shard(name).query_batch(batch)
        return [
            {"points": [{**_point(point), "version": point.version, "score": point.score} for point in answer]}
            for answer in answers
        ]

    def scroll(self, name: str, body: _Json) -> _Json:
        request = q.ScrollRequest(
            offset=body.get("offset"),
            limit=body.get("limit") or 10,
            filter=_filter(body.get("filter")),
            order_by=_order_by(body["order_by"]) if body.get("order_by") else None,
            with_payload=body.get("with_payload") is not False,
            with_vector=False,
        )
        with _refusals():
            records, following = self._shard(name).scroll(request)
        next_offset = None if following is None else str(following)
        return {"points": [_point(record) for record in records], "next_page_offset": next_offset}

    def count(self, name: str, body: _Json) -> _Json:
        with _refusals():
            return {"count": self._shard(name).count(q.CountRequest(exact=True, filter=_filter(body.get("filter"))))}

    def facet(self, name: str, body: _Json) -> _Json:
        request = q.FacetRequest(body["key"], limit=body.get("limit") or 10, exact=True, filter=_filter(body["filter"]))
        with _refusals():
            return {"hits": [{"value": hit.value, "count": hit.count} for hit in self._shard(name).facet(request)]}

    def set_payload(self, name: str, body: _Json) -> _Json:
        return self._update(name, q.UpdateOperation.set_payload(body["points"], body["payload"]))

    def delete(self, name: str, body: _Json) -> _Json:
        if "points" in body:
            return self._update(name, q.UpdateOperation.delete_points(body["points"]))
        return self._update(name, q.UpdateOperation.delete_points_by_filter(_filter(body["filter"])))

    def _shard(self, name: str) -> q.EdgeShard:
        try:
            return self._shards[name]
        except KeyError:
            raise Refusal(HTTPStatus.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!") from None

    def _update(self, name: str, operation: q.UpdateOperation) -> _Json:
        with _refusals():
            self._shard(name).update(operation)
        return _COMPLETED

    def _save(self, name: str) -> None:
        (self._folder / f"{name}.json").write_text(json.dumps(self._configs[name]))


def serve_shard(folder: Path, name: str, shard: Path, dimensions: int, metadata: _Json | None = None) -> None:
    """Make a cosine shard that lies elsewhere a collection of the folder, which nobody has open. It is not copied."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(shard.absolute(), target_is_directory=True)
    config = {"vectors": {"size": dimensions, "distance": "Cosine"}, "metadata": metadata}
    (folder / f"{name}.json").write_text(json.dumps(config))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if type(error) not in (Exception, ValueError):  # the engine raises bare exceptions
            raise
        raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error


def _point(point: q.ScoredPoint | q.Record) -> _Json:
    return {"id": str(point.id), "payload": point.payload}


def _index(schema: str | _Json) -> q.PayloadSchemaParams:
    given: _Json = {"type": schema} if isinstance(schema, str) else schema
    match given["type"]:
        case "keyword":
            return q.KeywordIndexParams(is_tenant=given.get("is_tenant"), enable_hnsw=given.get("enable_hnsw"))
        case "datetime":
            return q.DatetimeIndexParams(enable_hnsw=given.get("enable_hnsw"))
        case "text":
            return q.TextIndexParams(
                tokenizer=getattr(q.TokenizerType, given.get("tokenizer", "word").capitalize()),
                lowercase=given.get("lowercase"),
                scoring=given.get("scoring"),
                enable_hnsw=given.get("enable_hnsw"),
            )
    raise Refusal(HTTPStatus.BAD_REQUEST, f"no index of type {given['type']} here")


def _query(body: _Json) -> q.QueryRequest:
    return q.QueryRequest(
        limit=body.get("limit") or 10,
        query=_signal(body["query"], body.get("using")),
        filter=_filter(body.get("filter")),
        with_payload=bool(body.get("with_payload")),
        with_vector=False,
        params=_params(body.get("params") or {}),
    )


def _payload(wanted: bool | _Json) -> bool | q.PayloadSelector:
    return wanted if isinstance(wanted, bool) else q.PayloadSelector.Exclude(wanted["exclude"])


def _params(body: _Json) -> q.SearchParams | None:
    corpus = (body.get("idf") or {}).get("corpus")
    return q.SearchParams(idf=q.IdfParams(corpus=_filter(corpus))) if corpus else None


def _signal(query: Any, using: str | None) -> q.ScoringQueryType:
    match query:
        case {"text": {"query": text, "scoring": {"bm25": bm25}}}:
            return q.TextQuery(using or "", text, q.Bm25Params(k=bm25.get("k"), b=bm25.get("b")))
        case {"text": text}:
            return q.TextQuery(using or "", text)
        case {"order_by": order_by}:
            return _order_by(order_by)
        case {"nearest": vector}:
            return q.Query.Nearest(vector)
        case [*vector]:
            return q.Query.Nearest(vector)
    raise Refusal(HTTPStatus.BAD_REQUEST, "no such query here")


def _order_by(body: str | _Json) -> q.OrderBy:
    given = {"key": body} if isinstance(body, str) else body
    descending = given.get("direction") == "desc"
    return q.OrderBy(given["key"], q.Direction.Desc if descending else q.Direction.Asc, given.get("start_from"))


def _filter(body: _Json | None) -> q.Filter:
    clauses = {
        clause: [_condition(condition) for condition in (given if isinstance(given, list) else [given])]
        for clause, given in (body or {}).items()
        if given
    }
    return q.Filter(must=clauses.get("must"), should=clauses.get("should"), must_not=clauses.get("must_not"))


def _condition(body: _Json) -> q.ConditionType:
    match body:
        case {"key": key, "match": {"value": value}}:
            # Python's own booleans would be taken for 1 and 0.
            exact: Any = np.bool_(value) if isinstance(value, bool) else value
            return q.FieldCondition(key, match=q.MatchValue(exact))
        case {"key": key, "match": {"any": values}}:
            return q.FieldCondition(key, match=q.MatchAny(values))
        case {"key": key, "range": {} as bounds} if any(isinstance(bound, float) for bound in bounds.values()):
            return q.FieldCondition(key, range=q.RangeFloat(**bounds))
        case {"key": key, "range": {} as bounds}:
            return q.FieldCondition(key, range=q.RangeDateTime(**bounds))
        case {"has_vector": vector}:
            return q.HasVectorCondition(vector)
        case {"has_id": ids}:
            return q.HasIdCondition(set(ids))
        case {"is_empty": {"key": key}}:
            return q.IsEmptyCondition(key)
        case {"must": _} | {"should": _} | {"must_not": _}:
            return _filter(body)
    raise Refusal(HTTPStatus.BAD_REQUEST, f"no such condition here: {sorted(body)}")
