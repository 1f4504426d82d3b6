"""The fence of an agent's clear: what was said before it teaches the agent nothing any more.

A user's clear voids all work in flight by the generation of its subject. An agent learns from many subjects, so its
clear takes the agent's facts out of their open batches instead, and what is journalled later knows of it.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy import Connection

from afterword.schemas import Scope
from afterword.workers.services.extraction.batch import Batch
from afterword.workers.stores.ledger import deletions, locks
from afterword.workers.stores.ledger.extraction import journal
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact

logger = logging.getLogger(__name__)


def without_cleared(connection: Connection, batch: Batch, entry: Entry) -> Entry:
    """The answer without what agents would learn that were cleared since it was said; for the journal's transaction."""
    agents = sorted({fact.agent_id for fact in entry.facts if _is_an_agents(fact) and fact.agent_id})
    if not agents:
        return entry
    # A clear takes the same lock: it comes before this, and is seen, or after, and finds the journal's row.
    locks.serialise(connection, (locks.of_agent(entry.tenant_id, agent) for agent in agents))
    cleared = deletions.agents_cleared(connection, entry.tenant_id, agents)
    received = {line.conversation.event_id: line.conversation.received_at for line in batch.lines}

    def is_void(fact: Fact) -> bool:
        at = cleared.get(fact.agent_id or "") if _is_an_agents(fact) else None
        return at is not None and received.get(fact.event_id, at) <= at

    return replace(entry, facts=tuple(fact for fact in entry.facts if not is_void(fact)))


def withdrawn(connection: Connection, entry: Entry) -> Entry:
    """The facts of an open batch that a clear has taken out of it; for the transaction that ends the batch."""
    left = journal.ids_left(connection, entry.tenant_id, entry.user_id)
    gone = tuple(fact for fact in entry.facts if fact.id not in left)
    if gone:
        logger.info("%d facts were withdrawn by the clear of an agent", len(gone))
    return replace(entry, facts=gone)


def _is_an_agents(fact: Fact) -> bool:
    return fact.scope is Scope.AGENT
