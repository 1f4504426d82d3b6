"""Changing memories: the stores and books that every such command needs, its lock, and its audit row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from afterword.schemas.command import OfUser, Owned
from afterword.workers.core.origin import Origin
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.policy.access import asker_of
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.vectors.views import Views


@dataclass(frozen=True, slots=True)
class Changes:
    """Where a change is made, booked and counted."""

    database: Database
    views: Views
    books: Books
    metrics: Metrics

    @contextmanager
    def locked(self, command: Owned | OfUser) -> Iterator[Connection]:
        """A transaction in which nobody else changes the memories of the command's user; an agent's have no lock.

        Raises: BeingErased, LedgerUnavailable.
        """
        with self.database.transaction() as connection:
            if command.user_id is not None:
                subjects.lock(connection, command.tenant_id, command.user_id)
            yield connection


def audit_row(
    command: Owned, type: audit.Type, *, count: int, memory_id: str | None = None, **metadata: object
) -> audit.Event:
    """The audit row of a command; its metadata tells who asked, where the command names them."""
    by = asker_of(command)
    told = {**metadata, **({"by": by} if by else {})}
    return audit.Event.of(type, origin_of(command), told, memory_id=memory_id, result_count=count)


def origin_of(command: Owned) -> Origin:
    """Whose memories a command changes."""
    return Origin(
        tenant_id=command.tenant_id,
        user_id=command.user_id,
        agent_id=command.agent_id,
        session_id=command.session_id,
    )
