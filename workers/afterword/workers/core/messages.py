"""Messages between workers, over the queues. The contract with producers is in `afterword.schemas`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import Field

from afterword.schemas.values import MAX_COUNT, VERSION, Id, Model, Query, Time

MAX_EVENTS = 1000
"""The most query events in one message. Our own messages hold at most half as many."""

MAX_GIVEN = 200
"""The most memories of one answer whose use is noted."""

_Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
_Name = Annotated[str, Field(max_length=64, pattern=r"^[\w.:-]*$")]


class ExtractionHint(Model):
    """Some subject may be due. Which one is read from the ledger, so that a lost or repeated hint does no harm."""

    version: Literal[1] = VERSION


class QueryEvent(Model):
    """A context request was answered. It holds lengths and counts; the words only where somebody opted in.

    `relevance` is the mean relevance (0 to 1) of the memories given, None when none of them has one. `gate_passed` is
    False when no memory was relevant to the request. `has_memories`: the owners asked about have at least one.
    `query_hash` recognises a repeated query of a tenant. `memory_ids` are the memories given: they were of use. Every
    number is bounded, since an absurd one would spoil the sums for good.
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
    memory_ids: Annotated[tuple[UUID, ...], Field(max_length=MAX_GIVEN)] = ()


class QueryEvents(Model):
    """The query events of about a second. By its `batch_id` a batch is written once, however often it is delivered."""

    version: Literal[1] = VERSION
    batch_id: UUID = Field(default_factory=uuid4)
    events: Annotated[tuple[QueryEvent, ...], Field(max_length=MAX_EVENTS)]
