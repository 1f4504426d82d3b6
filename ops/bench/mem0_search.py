"""The questions asked today for one prompt: three `Memory.search` of mem0, for the user, the agent and the session.

With its defaults, and without what mem0 downloads apart (spaCy, fastembed): each call is one dense search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from qdrant_client import QdrantClient

from afterword.workers.models.embedders.port import Embedder
from afterword.workers.models.mem0_environment import prepare
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Point
from ops.recall.mem0_search import InjectedEmbedding, memory_over

DIMENSIONS = 512


class ThreeSearches:
    """A search of each memory with its filters, one after the other."""

    def __init__(self, memories: Sequence[tuple[Any, dict[str, str]]]) -> None:
        self._memories = memories

    def __call__(self, query: str) -> list[list[str]]:
        """The ids that each found, best first."""
        answers = [memory.search(query, filters=filters) for memory, filters in self._memories]
        return [[found["id"] for found in answer["results"]] for answer in answers]


def injected(store: VectorStore, embedder: Embedder, tenant: str, user: str, agent: str, session: str) -> ThreeSearches:
    """mem0's own search entered by injection over a store in this process: without client, server or network, so the
    least that it could ever cost. Nobody runs it like this."""
    owners: dict[Owner, dict[str, str]] = {
        UserOwner(tenant, user): {"user_id": user},
        AgentOwner(tenant, agent): {"agent_id": agent},
        SessionOwner(tenant, user, session): {"user_id": user, "run_id": session},
    }
    return ThreeSearches([(memory_over(store, embedder, owner), filters) for owner, filters in owners.items()])


@contextmanager
def over_http(
    url: str, collection: str, embedder: Embedder | str, user: str, agent: str, session: str
) -> Iterator[ThreeSearches]:
    """mem0 as it is run: `Memory.from_config`, with its own store and client over HTTP. Its LLM is never asked.

    `embedder` is the base URL of an endpoint that mem0's own class asks, for 512 numbers. Or it takes the place of
    mem0's, in this process: so mem0 has it better than nearly everybody who runs it.

    mem0's client keeps connections open here, as it does with a server elsewhere; with one on `localhost` it would
    connect for each search.
    """
    client = QdrantClient(url=url, limits=httpx.Limits(max_keepalive_connections=20), check_compatibility=False)
    memory = _plain({"client": client, "collection_name": collection}, embedder)
    try:
        yield _three(memory, user, agent, session)
    finally:
        memory.close()
        client.close()


@contextmanager
def without_server(
    folder: Path, memories: Iterable[Sequence[Point]], embedder: Embedder
) -> Iterator[Callable[[str, str, str], ThreeSearches]]:
    """mem0 as it comes: with no server named its store is the Qdrant client's own, in this process. It is filled with
    these memories, and gives the three calls of a user, an agent and a session. `embedder` takes the place of mem0's.
    """
    memory = _plain({"path": str(folder)}, embedder)
    for points in memories:
        ids, vectors, payloads = zip(*((point.id, point.vector, point.payload) for point in points), strict=True)
        memory.vector_store.insert(list(vectors), list(payloads), list(ids))
    try:
        yield partial(_three, memory)
    finally:
        memory.close()
        memory.vector_store.client.close()


def _three(memory: Any, user: str, agent: str, session: str) -> ThreeSearches:
    every = ({"user_id": user}, {"agent_id": agent}, {"user_id": user, "run_id": session})
    return ThreeSearches([(memory, filters) for filters in every])


def _plain(store: dict[str, Any], embedder: Embedder | str) -> Any:
    prepare()
    from mem0 import Memory

    asked = {"openai_base_url": embedder, "embedding_dims": DIMENSIONS} if isinstance(embedder, str) else {}
    memory = Memory.from_config(
        {
            "llm": {"provider": "openai", "config": {"api_key": "unused"}},
            "embedder": {"provider": "openai", "config": {"api_key": "unused", **asked}},
            "vector_store": {"provider": "qdrant", "config": {"embedding_model_dims": DIMENSIONS, **store}},
            "history_db_path": ":memory:",
        }
    )
    if not isinstance(embedder, str):
        memory.embedding_model = InjectedEmbedding(embedder)
    return memory
