"""Without the vector store: what was said last, from the ledger."""

from __future__ import annotations

from afterword.schemas import ContextRequest, Scope
from afterword.workers.services.memories.excerpts import excerpts_of
from afterword.workers.stores.ledger import conversations
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.payload import StoredMemory

_CONVERSATIONS = 5


def recent_turns(database: Database, request: ContextRequest) -> list[StoredMemory]:
    """The user's last turns that are still kept, newest first, as their excerpts; none when the user's memories were
    not asked for. Raises: LedgerUnavailable.
    """
    if Scope.USER not in request.scopes:
        return []
    with database.transaction() as connection:
        last = conversations.recent(connection, request.tenant_id, request.user_id, limit=_CONVERSATIONS)
    return [excerpt.memory for conversation in last for excerpt in reversed(excerpts_of(conversation))]
