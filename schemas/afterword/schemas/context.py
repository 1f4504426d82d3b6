"""Asking for the memories that belong in the next prompt, and the answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator
from pydantic.config import JsonDict

from afterword.schemas.conversation import check_version, or_none
from afterword.schemas.errors import InvalidInput
from afterword.schemas.memory import Memory
from afterword.schemas.values import DEFAULT_TENANT, VERSION, Id, Model, Query, Scope
from afterword.schemas.wire import REPLY_PREFIX
from afterword.schemas.zones import TimeZone

DEFAULT_LIMIT = 12
DEFAULT_TOKEN_BUDGET = 1500
DEFAULT_ALWAYS = 3
"""How many facts `always=True` keeps in."""

MAX_ALWAYS = 20

DEADLINES_END_MS = 2**53
"""A JSON reader that holds numbers as floats tells whole ones apart only below this."""


def _check_reply_list(value: str) -> str:
    # A worker pushes to it: no other key may be named.
    if not value.startswith(REPLY_PREFIX):
        raise ValueError(f"must begin with {REPLY_PREFIX}")
    return value


def _check_sum(shares: dict[Scope, float]) -> dict[Scope, float]:
    # Floats that add up to 1 on paper may exceed it by the last digit.
    if sum(shares.values()) > 1 + 1e-9:
        raise ValueError("must add up to 1 at most")
    return shares


Shares = Annotated[dict[Scope, Annotated[float, Field(ge=0, le=1)]], AfterValidator(_check_sum)]
"""Parts of a whole, from 0 to 1, that add up to 1 at most; a scope that is not named has none of its own."""


def _as_count(value: Any) -> Any:
    # Before pydantic reads it: to pydantic True is the number 1, and one memory would be kept.
    if isinstance(value, bool):
        return DEFAULT_ALWAYS if value else 0
    return value


_Count = Annotated[int, Field(ge=0, le=MAX_ALWAYS)]
Always = Annotated[_Count, BeforeValidator(_as_count, json_schema_input_type=bool | _Count)]
"""How many; true stands for `DEFAULT_ALWAYS`, false for none."""


class Request(Model):
    """The fields of every request over the queues.

    `reply_to` names the Redis list the reply is pushed to. `deadline_ms` is when the caller stops waiting, in
    milliseconds of the Redis server's own clock (`TIME`), so that the clocks of hosts do not matter; a worker
    drops a request past it. Without one it is always answered.
    """

    version: Literal[1] = VERSION
    request_id: Id = Field(default_factory=lambda: str(uuid4()))
    tenant_id: Id = DEFAULT_TENANT
    reply_to: Annotated[Id, AfterValidator(_check_reply_list)]
    deadline_ms: Annotated[int, Field(ge=0, lt=DEADLINES_END_MS)] | None = None


_EXAMPLE: JsonDict = {
    "version": 1,
    "request_id": "ask-1",
    "reply_to": "afterword:reply:5d0c7e1b9a4f4c52a9a30c4a1f6f2b11",
    "user_id": "ada",
    "agent_id": "travel-guide",
    "session_id": "thread-12",
    "query": "Where should I go this weekend?",
    "limit": 12,
    "shares": {"user": 0.5, "agent": 0.3, "session": 0.2},
    "always": 3,
}


class ContextRequest(Request):
    """The memories for one prompt of an agent to a user.

    `query` is the latest user message; without one the most important and recent memories are chosen.
    `limit` bounds the memories, `token_budget` the tokens of their rendered text, headings included, as the workers
    count them. With `shares` each scope first fills its share of both with its best memories; what it leaves goes to
    the best of the others. Without `shares` the best of all scopes are taken. `always` keeps up to so many facts that
    say who the user is, even when nothing is relevant to the query. With `explain` the reply says of each memory found
    why it ranks where it does. `time_zone` is the asker's, an IANA name or an offset: "yesterday" and "last May" are
    days of its calendar. Without one, or with one that does not exist, the calendar is that of the user's newest
    memories.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    user_id: Id
    agent_id: Id | None = None
    session_id: Id | None = None
    query: Query | None = None
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = (Scope.USER, Scope.AGENT, Scope.SESSION)
    limit: Annotated[int, Field(ge=1, le=100)] = DEFAULT_LIMIT
    token_budget: Annotated[int, Field(ge=1, le=100_000)] = DEFAULT_TOKEN_BUDGET
    language: str | None = None
    time_zone: Annotated[TimeZone | None, WrapValidator(or_none)] = None
    shares: Shares | None = None
    always: Always = 0
    explain: bool = False

    @classmethod
    def parse(cls, body: Any) -> ContextRequest:
        """Raises: UnsupportedVersion, InvalidInput."""
        check_version(body)
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            raise InvalidInput.from_validation(error) from None


class Explanation(Model):
    """Why a memory ranks where it does.

    `signals` are the weighted reasons for it; they add up to `score`. Memories are ordered by `score`, with one
    exception: a memory that a newer one replaces (`replaced_by` is the id of that one) stands below it. `relevance` is
    from 0 to 1. `left_out` says why the memory was not given; None when it was given.
    """

    memory: Memory
    score: float
    relevance: float
    signals: dict[str, float]
    replaced_by: str | None = None
    left_out: str | None = None


class ContextReply(Model):
    """The chosen memories, best first, and the text that goes into the prompt.

    `degraded` names what could not be used: `memory_off`; `over_limit` (nothing was looked for); `embedder` (found by
    words alone); `user`, `agent` or `session` (that scope was too slow); `vector_store` (the last turns instead);
    `ledger` (not even those). It is empty when all worked. `timings_ms` holds the time of each step on the worker,
    `explanations` what `explain` asked for.
    """

    memories: tuple[Memory, ...] = ()
    text: str = ""
    degraded: tuple[str, ...] = ()
    timings_ms: dict[str, float] = Field(default_factory=dict)
    explanations: tuple[Explanation, ...] = ()
