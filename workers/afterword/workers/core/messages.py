"""Messages between workers, over the queues. The contract with producers is in `afterword.schemas`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import uuid4

from pydantic import Field

from afterword.schemas.values import VERSION, Model


class ExtractionHint(Model):
    """Some subject may be due. Says nothing more: what is due is read from the ledger."""

    version: Literal[1] = VERSION


class QueryEvent(Model):
    """A context request was answered. Holds lengths and counts, and words only where that was opted in.

    `relevance` is the mean relevance (0 to 1) of the memories that were given, None when none of them has one.
    `gate_passed` is False for a request that memories had nothing to do with; `has_memories` is whether the owners who
    were asked about have any. `query_hash` tells repeated queries of
    a tenant apart from others.
    """

    tenant_id: str
    user_id: str
    agent_id: str | None = None
    session_id: str | None = None
    at: datetime
    query_length: int
    query_hash: str | None = None
    query: str | None = None
    result_length: int
    result_count: int
    relevance: float | None = None
    gate_passed: bool = True
    has_memories: bool = True
    seconds: float
    degraded: tuple[str, ...] = ()


class QueryEvents(Model):
    """Query events of about a second, in one message; written down once by its `batch_id`, however often it comes."""

    version: Literal[1] = VERSION
    batch_id: str = Field(default_factory=lambda: str(uuid4()))
    events: tuple[QueryEvent, ...]
