"""Re-embedding: all memories into a new collection, with another embedder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from afterword.workers.models.embedders.port import Embedder, Vector, embed_each
from afterword.workers.services.memories import in_context
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.payload import from_payload, to_payload
from afterword.workers.stores.vectors.queries import Filter, Hit, Payload, Point
from afterword.workers.text.lexical_field import lexical_field

_AT_ONCE = 100


def reembed(*, source: StoreAdmin, target: StoreAdmin, embedder: Embedder) -> int:
    """Copy every memory of `source` to `target`, with its id and payload, a new vector and new search terms. Returns
    how many. Memories that plain mem0 wrote get no terms: `afterword adopt` gives them theirs.

    Run again after a failure, it writes what is still missing.

    Raises: VectorStoreUnavailable, EmbeddingFailed; WrongEmbedder, when the target is of another embedder.
    """
    source.open()
    target.prepare(embedder.identity)
    copied = 0
    for hits in source.scan_batches(Filter(), size=_AT_ONCE):
        target.insert(_points(source, embedder, hits))
        copied += len(hits)
    return copied


def _points(source: StoreAdmin, embedder: Embedder, hits: Sequence[Hit]) -> list[Point]:
    """The points as they would be written today: an excerpt with the turns before it."""
    wanted = dict.fromkeys(point_id for hit in hits for point_id in _previous(hit))
    texts = {hit.id: _text(hit) for hit in (*source.get(list(wanted)), *hits)}
    vectors = dict(zip(texts, embed_each(embedder, list(texts.values())), strict=True))
    return [_point(hit, texts, vectors) for hit in hits]


def _point(hit: Hit, texts: Mapping[str, str], vectors: Mapping[str, Vector | None]) -> Point:
    before = [each for each in _previous(hit) if each in texts]
    own, context = vectors[hit.id], [vector for each in before if (vector := vectors[each]) is not None]
    vector = None if own is None else in_context.vector(own, context)
    return Point(hit.id, vector, hit.payload | _terms(hit, [texts[each] for each in before]))


def _terms(hit: Hit, before: Sequence[str]) -> Payload:
    if collection.TENANT not in hit.payload:
        return {}
    memory = from_payload(hit.id, hit.payload)
    terms = lexical_field(memory.text, memory.speaker, before)
    return {collection.LEXICAL: to_payload(replace(memory, terms=terms))[collection.LEXICAL]}


def _previous(hit: Hit) -> list[str]:
    return list(hit.payload.get(collection.PREVIOUS, ()))


def _text(hit: Hit) -> str:
    return str(hit.payload.get(collection.TEXT, ""))
