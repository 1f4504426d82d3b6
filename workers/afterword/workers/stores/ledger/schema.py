"""The whole schema of the ledger: importing this declares every table.

Migrations and tests work on all tables at once; a query needs only the module that it stands in.
"""

from __future__ import annotations

from sqlalchemy import Table

from afterword.workers.stores.ledger.agent_members import agent_members
from afterword.workers.stores.ledger.agent_shares import agent_shares
from afterword.workers.stores.ledger.agents import agents
from afterword.workers.stores.ledger.analytics.rollups import content_statistics, hourly_statistics, tenant_statistics
from afterword.workers.stores.ledger.analytics.snapshots import snapshots
from afterword.workers.stores.ledger.analytics.statistics import daily_statistics, user_statistics
from afterword.workers.stores.ledger.analytics.telemetry_batches import telemetry_batches
from afterword.workers.stores.ledger.audit import audit
from afterword.workers.stores.ledger.collections import collections
from afterword.workers.stores.ledger.deletions import deletions
from afterword.workers.stores.ledger.erasures import erasure_keys, erasures
from afterword.workers.stores.ledger.extraction.breaker import breakers
from afterword.workers.stores.ledger.extraction.journal import journal
from afterword.workers.stores.ledger.extraction.llm_calls import llm_calls
from afterword.workers.stores.ledger.extraction.subjects import subjects
from afterword.workers.stores.ledger.ingest.conversations import conversations
from afterword.workers.stores.ledger.ingest.deferred import deferred_events
from afterword.workers.stores.ledger.ingest.sessions import sessions
from afterword.workers.stores.ledger.keys import keys
from afterword.workers.stores.ledger.memories import memories
from afterword.workers.stores.ledger.metadata import metadata
from afterword.workers.stores.ledger.policies import policies
from afterword.workers.stores.ledger.upkeep.dead_letters import dead_letters
from afterword.workers.stores.ledger.upkeep.milestones import milestones
from afterword.workers.stores.ledger.versions import memory_versions
from afterword.workers.stores.ledger.wishes import wishes

__all__ = ["TABLES", "metadata"]

TABLES: tuple[Table, ...] = (
    # Whose it is, and what was said.
    agents,
    agent_members,
    agent_shares,
    keys,
    policies,
    subjects,
    wishes,
    conversations,
    sessions,
    # How it becomes memories.
    journal,
    breakers,
    llm_calls,
    memories,
    memory_versions,
    collections,
    # The record of what happened.
    audit,
    daily_statistics,
    user_statistics,
    hourly_statistics,
    tenant_statistics,
    content_statistics,
    snapshots,
    telemetry_batches,
    # Work that is left to do.
    deferred_events,
    deletions,
    erasures,
    erasure_keys,
    dead_letters,
    milestones,
)
