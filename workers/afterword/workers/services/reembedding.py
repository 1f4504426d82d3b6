"""Re-embedding: all memories into a new collection, with another embedder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from afterword.workers.models.embedders.port import Embedder
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
        vectors = embedder.embed([str(hit.payload.get(collection.TEXT, "")) for hit in hits])
        target.insert([Point(hit.id, vector, hit.payload) for hit, vector in zip(hits, vectors, strict=True)])
        copied += len(hits)
    return copied


def _batches(hits: Iterable[Hit]) -> Iterator[list[Hit]]:
    remaining = iter(hits)
    while batch := list(islice(remaining, _AT_ONCE)):
        yield batch
