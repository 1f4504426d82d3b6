"""What workers send each other over the queues; the contract with producers is in `afterword.schemas`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from afterword.schemas.values import VERSION, Model


class ExtractionHint(Model):
    """Some subject may be due. Says nothing more: what is due is read from the ledger."""

    version: Literal[1] = VERSION


class QueryEvent(Model):
    """A context request was answered. Holds lengths and counts, never words."""

    tenant_id: str
    user_id: str
    agent_id: str | None = None
    session_id: str | None = None
    at: datetime
    query_length: int
    result_length: int
    result_count: int
    seconds: float
    degraded: tuple[str, ...] = ()


class QueryEvents(Model):
    """Query events of about a second, in one message."""

    version: Literal[1] = VERSION
    events: tuple[QueryEvent, ...]
