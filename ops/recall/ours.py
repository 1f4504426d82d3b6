"""Afterword's own recall, as the context role runs it, whole and without each of its signals."""

from __future__ import annotations

from afterword.schemas import ContextReply, ContextRequest
from afterword.schemas.wire import REPLY_PREFIX
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.services.recall.recall import Recall
from afterword.workers.services.registry import AgentRegistry
from afterword.workers.settings import Settings
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.port import Dense, Lexical, VectorStore
from ops.recall.stores import without
from ops.recall.systems import DEPTH, Asking, Ranked, Recalled

_NAME = "afterword"
_TOKENS_ENOUGH = 100_000


class Ours:
    """Ranks without threshold and budget, and injects what a context request with the settings' defaults gets."""

    def __init__(self, name: str, store: VectorStore, embedder: Embedder, settings: Settings) -> None:
        self.name = name
        self._ungated = _recall(store, embedder, settings, floor=0.0)
        self._recall = _recall(store, embedder, settings, floor=settings.relevance_floor)

    def recall(self, asking: Asking) -> Recalled:
        ranked = _answered(self._ungated, asking, limit=DEPTH, token_budget=_TOKENS_ENOUGH).memories
        injected = _answered(self._recall, asking).memories
        return Recalled(
            [Ranked(memory.id, memory.score or 0.0) for memory in ranked], [memory.id for memory in injected]
        )


def our_systems(store: VectorStore, bare: VectorStore, embedder: Embedder, settings: Settings) -> list[Ours]:
    """Ours, and ours without each signal. `bare` holds the same memories, known by their texts alone."""
    stores = {
        _NAME: store,
        f"{_NAME} without dense": without(store, Dense),
        f"{_NAME} without BM25": without(store, Lexical),
        f"{_NAME} without context": bare,
    }
    return [Ours(name, each, embedder, settings) for name, each in stores.items()]


def _recall(store: VectorStore, embedder: Embedder, settings: Settings, *, floor: float) -> Recall:
    # The registry is of agents; a question without one never asks it.
    registry = AgentRegistry(Database(settings.postgres))
    return Recall(store, embedder, registry, memory_enabled=True, relevance_floor=floor)


def _answered(recall: Recall, asking: Asking, **bounds: int) -> ContextReply:
    # The time is not told: recall looks at the clock, so that recency is as of the day of the run.
    request = ContextRequest(
        reply_to=f"{REPLY_PREFIX}recall",
        tenant_id=asking.owner.tenant_id,
        user_id=asking.owner.user_id,
        query=asking.text,
        **bounds,
    )
    return recall.answer(request).reply
