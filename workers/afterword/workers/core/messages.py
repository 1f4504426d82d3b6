"""Messages between workers, over the queues. The contract with producers is in `afterword.schemas`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import Field

from afterword.schemas.values import MAX_COUNT, VERSION, Id, Model, Query, Time

MAX_EVENTS = 1000
"""Query events of one message; ours hold half as many at most."""

_Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
_Name = Annotated[str, Field(max_length=64, pattern=r"^[\w.:-]*$")]


class ExtractionHint(Model):
    """Some subject may be due. Says nothing more: what is due is read from the ledger."""

    version: Literal[1] = VERSION


class QueryEvent(Model):
    """A context request was answered. Holds lengths and counts, and words only where that was opted in.

    `relevance` is the mean relevance (0 to 1) of the memories that were given, None when none of them has one.
    `gate_passed` is False for a request that memories had nothing to do with; `has_memories` is whether the owners who
    were asked about have any. `query_hash` tells repeated queries of a tenant apart from others. Every number is
    bounded: one that is not would spoil sums for good.
    """

    tenant_id: Id
    user_id: Id
    agent_id: Id | None = None
    session_id: Id | None = None
    at: Time
    query_length: _Count
    query_hash: _Name | None = None
    query: Query | None = None
    result_length: _Count
    result_count: _Count
    relevance: Annotated[float, Field(ge=0, le=1)] | None = None
    gate_passed: bool = True
    has_memories: bool = True
    seconds: Annotated[float, Field(ge=0, le=86_400)]
    degraded: Annotated[tuple[_Name, ...], Field(max_length=32)] = ()


class QueryEvents(Model):
    """Query events of about a second, in one message; written down once by its `batch_id`, however often it comes."""

    version: Literal[1] = VERSION
    batch_id: UUID = Field(default_factory=uuid4)
    events: Annotated[tuple[QueryEvent, ...], Field(max_length=MAX_EVENTS)]
