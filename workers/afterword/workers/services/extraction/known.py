"""The memories that the LLM is shown with a batch: those of all scopes that are nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afterword.schemas import Kind
from afterword.workers.models.embedders.port import Vector
from afterword.workers.services.extraction.batch import Batch
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, UserOwner
from afterword.workers.stores.vectors.queries import Dense, Filter, Match
from afterword.workers.stores.vectors.views import ScopedSearch, Views

SHOWN = 15
"""mem0 shows ten memories of one scope; these are of all scopes together."""

_LEARNED = Filter((Match(collection.KIND, (Kind.FACT.value, Kind.NOTE.value)),))


@dataclass(frozen=True, slots=True)
class Existing:
    """A memory that the LLM is shown, so that it does not extract it again."""

    id: str
    text: str


class KnownMemories:
    """Finds them through a view of the batch's own owners."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def near(self, batch: Batch, vector: Vector) -> Sequence[Existing]:
        """The nearest facts and notes of the user, their sessions and the batch's agents, in one request.

        Raises: VectorStoreUnavailable.
        """
        owners = _owners(batch)
        searches = [ScopedSearch(owner, Dense(vector), SHOWN, _LEARNED) for owner in owners]
        found = [hit for hits in self._views.of(*owners).search(searches) for hit in hits]
        nearest = sorted(found, key=lambda hit: hit.score, reverse=True)[:SHOWN]
        return [Existing(hit.memory.id, hit.memory.text) for hit in nearest]


def _owners(batch: Batch) -> tuple[Owner, ...]:
    agents = {line.conversation.agent_id for line in batch.lines if line.conversation.agent_id}
    user = UserOwner(batch.tenant_id, batch.user_id)
    # A user's view covers their sessions, so that these need no owner of their own.
    return (user, *(AgentOwner(batch.tenant_id, agent) for agent in sorted(agents)))
