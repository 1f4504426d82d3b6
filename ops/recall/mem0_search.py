"""mem0's own `Memory.search`, over the same memories and vectors.

It is entered by injection, as extraction enters it: mem0's ranking, threshold and defaults, our embedder and a view.
What mem0 downloads apart is left out, as on a plain install of it: without spaCy it neither lemmatises nor finds
entities, and without fastembed its Qdrant store has no keyword search. What remains is dense search with a threshold.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from afterword.workers.models.mem0_environment import prepare

prepare()

from mem0.memory.main import Memory  # noqa: E402  # mem0 reads its environment when imported

from afterword.workers.models.embedders.port import Embedder, Vector  # noqa: E402
from afterword.workers.stores.vectors.owners import Owner  # noqa: E402
from afterword.workers.stores.vectors.payload import StoredMemory  # noqa: E402
from afterword.workers.stores.vectors.port import VectorStore  # noqa: E402
from afterword.workers.stores.vectors.queries import Dense  # noqa: E402
from afterword.workers.stores.vectors.views import ScopedSearch, Views  # noqa: E402
from ops.recall.systems import DEPTH, Asking, Ranked, Recalled  # noqa: E402


class Mem0Search:
    """Ranks with the threshold at 0, and injects what `search` answers by its defaults: 20 at or above 0.1."""

    name = "mem0 Memory.search"

    def __init__(self, store: VectorStore, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    def recall(self, asking: Asking) -> Recalled:
        ranked = self._searched(asking, top_k=DEPTH, threshold=0.0)
        return Recalled(ranked, [each.memory_id for each in self._searched(asking)])

    def _searched(self, asking: Asking, **options: Any) -> list[Ranked]:
        memory = memory_over(self._store, self._embedder, asking.owner)
        answer = memory.search(asking.text, filters={"user_id": asking.owner.user_id}, **options)
        return [Ranked(each["id"], each["score"]) for each in answer["results"]]


def memory_over(store: VectorStore, embedder: Embedder, owner: Owner) -> Memory:
    """A mem0 that searches the memories of one owner."""
    return _InjectedMemory(store, embedder, owner)


class _InjectedMemory(Memory):  # type: ignore[misc]  # mem0 ships no types
    def __init__(self, store: VectorStore, embedder: Embedder, owner: Owner) -> None:
        self.config = SimpleNamespace(vector_store=SimpleNamespace(provider="afterword", config=SimpleNamespace()))
        self.embedding_model = InjectedEmbedding(embedder)
        self.vector_store = _Store(store, owner)
        self.collection_name = "afterword"
        self.api_version = "v1.1"
        self.reranker = None
        self._entity_store = _NoEntities()


class InjectedEmbedding:
    """An embedder of ours where mem0 expects one of its own."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, text: str, _action: str | None = None) -> Vector:
        return self._embedder.embed([text])[0]

    def embed_batch(self, texts: list[str], _action: str | None = None) -> list[Vector]:
        return self._embedder.embed(texts)


class _Store:
    def __init__(self, store: VectorStore, owner: Owner) -> None:
        self._view = Views(store).of(owner)
        self._owner = owner

    def search(self, *, vectors: Vector, top_k: int, **_: Any) -> list[Any]:
        [found] = self._view.search([ScopedSearch(self._owner, Dense(vectors), top_k)])
        return [SimpleNamespace(id=each.memory.id, score=each.score, payload=_payload(each.memory)) for each in found]

    def keyword_search(self, **_: Any) -> None:
        """None is what mem0's Qdrant store answers without fastembed."""


def _payload(memory: StoredMemory) -> dict[str, Any]:
    return {"data": memory.text, "user_id": memory.user_id}


class _NoEntities:
    def search(self, **_: Any) -> list[Any]:
        return []
