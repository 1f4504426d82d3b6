"""What is asked today for one prompt: three `Memory.search` of mem0, for the user, the agent and the session."""

from __future__ import annotations

from afterword.workers.models.embedders.port import Embedder
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.views import AgentOwner, Owner, SessionOwner, UserOwner
from ops.recall.mem0_search import memory_over


class ThreeSearches:
    """mem0's own search with its defaults, entered by injection over the same store and embedder."""

    def __init__(
        self, store: VectorStore, embedder: Embedder, tenant: str, user: str, agent: str, session: str
    ) -> None:
        owners: dict[Owner, dict[str, str]] = {
            UserOwner(tenant, user): {"user_id": user},
            AgentOwner(tenant, agent): {"agent_id": agent},
            SessionOwner(tenant, user, session): {"user_id": user, "run_id": session},
        }
        self._memories = [(memory_over(store, embedder, owner), filters) for owner, filters in owners.items()]

    def __call__(self, query: str) -> None:
        for memory, filters in self._memories:
            memory.search(query, filters=filters)
