"""Letting a subject go: at once, or until what came meanwhile says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from afterword.workers.services.ingest.debounce import Debounce
from afterword.workers.stores.ledger import conversations, subjects
from afterword.workers.stores.ledger.conversations import Waiting
from afterword.workers.stores.ledger.subjects import Claim


@dataclass(frozen=True, slots=True)
class Release:
    """Lets subjects go."""

    debounce: Debounce

    def let_go(
        self, connection: Connection, claim: Claim, *, at_once: bool = False, batch_limit: int | None = None
    ) -> None:
        """Let a held subject go; it is due again `at_once`, or when what came meanwhile says so."""
        waiting = conversations.waiting(connection, claim.tenant_id, claim.user_id)
        due_at = waiting.last_at if at_once else self._due_at(waiting)
        subjects.release(
            connection,
            claim,
            tokens_left=waiting.tokens,
            since=waiting.first_at,
            due_at=due_at,
            batch_limit=batch_limit if at_once else None,
        )

    def _due_at(self, waiting: Waiting) -> datetime | None:
        if waiting.last_at is None:
            return None
        return self.debounce.due_at(waiting.last_at, waiting.first_at, waiting.tokens)
