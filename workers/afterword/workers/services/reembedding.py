"""Re-embedding: all memories into a new collection, with another embedder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.services import in_context
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.port import Filter, Hit, Point, VectorStore

_AT_ONCE = 100


def reembed(source: VectorStore, target: VectorStore, embedder: Embedder) -> int:
    """Copy every memory of `source` to `target` with its id and payload and a new vector; how many.

    Run again after a failure, it writes what is still missing.

    Raises: VectorStoreUnavailable, EmbeddingFailed; WrongEmbedder, when the target is of another embedder.
    """
    source.open()
    target.prepare(embedder.identity)
    copied = 0
    for hits in _batches(source.scan(Filter())):
        vectors = _vectors(source, embedder, hits)
        target.insert([Point(hit.id, vector, hit.payload) for hit, vector in zip(hits, vectors, strict=True)])
        copied += len(hits)
    return copied


def _vectors(source: VectorStore, embedder: Embedder, hits: Sequence[Hit]) -> list[Vector]:
    """As they would be written today: an excerpt's with those of the turns before it."""
    wanted = dict.fromkeys(point_id for hit in hits for point_id in _previous(hit))
    texts = {hit.id: _text(hit) for hit in (*source.get(list(wanted)), *hits)}
    vectors = dict(zip(texts, embedder.embed(list(texts.values())), strict=True))
    return [
        in_context.vector(vectors[hit.id], [vectors[each] for each in _previous(hit) if each in vectors])
        for hit in hits
    ]


def _previous(hit: Hit) -> list[str]:
    return list(hit.payload.get(collection.PREVIOUS, ()))


def _text(hit: Hit) -> str:
    return str(hit.payload.get(collection.TEXT, ""))


def _batches(hits: Iterable[Hit]) -> Iterator[list[Hit]]:
    remaining = iter(hits)
    while batch := list(islice(remaining, _AT_ONCE)):
        yield batch
