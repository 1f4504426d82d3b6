"""Calls to the LLM: the cost and the outcome of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import BigInteger, Column, Connection, Double, Identity, Index, Table, Text, func, insert, select, text

from afterword.workers.core.tokens import Tokens
from afterword.workers.stores.ledger.metadata import count, metadata, moment

llm_calls = Table(
    "llm_calls",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    moment("at", now=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    count("conversations"),
    count("prompt_tokens"),
    count("cached_tokens"),
    count("completion_tokens"),
    Column("seconds", Double, nullable=False),
    Index("ix_llm_calls_subject", "tenant_id", "user_id"),
    Index("ix_llm_calls_at", "at"),
)

CallOutcome = Literal["ok", "void", "unavailable", "refused", "bad_answer"]
"""`ok`: the answer was journalled. `void`: it came for a subject that was lost to another worker or cleared."""


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One call for one subject, with how many conversations it was asked about."""

    tenant_id: str
    user_id: str
    model: str
    outcome: CallOutcome
    conversations: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a model was used: calls, those of them that failed, and tokens."""

    model: str
    calls: int
    failed: int
    tokens: Tokens


def write(connection: Connection, call: LlmCall) -> None:
    """Record a call."""
    tokens = Tokens(call.prompt_tokens, call.cached_tokens, call.completion_tokens).of_one_call()
    bounded = {
        "prompt_tokens": tokens.prompt,
        "cached_tokens": tokens.cached,
        "completion_tokens": tokens.completion,
    }
    connection.execute(insert(llm_calls).values(asdict(call) | bounded))


# More than one subject: one that spoils all of its own prompts must not stop the others. Calls without any answer are
# left out, since the breaker counts them itself.
_FAIL_ALIKE = text(
    """
    WITH recent AS (
        SELECT tenant_id, user_id, outcome FROM llm_calls
        WHERE outcome IN ('ok', 'void', 'bad_answer') ORDER BY id DESC LIMIT :last
    )
    SELECT count(*) = :last
        AND bool_and(outcome = 'bad_answer')
        AND count(DISTINCT (tenant_id, user_id)) > 1
        AND bool_and((tenant_id, user_id) = (:tenant_id, :user_id) OR COALESCE(last_error = :error, false))
    FROM recent LEFT JOIN subjects USING (tenant_id, user_id)
    """
)


def fail_alike(connection: Connection, tenant_id: str, user_id: str, *, error: str, last: int) -> bool:
    """Whether the `last` answers were all bad with this `error`, and of several subjects."""
    key = {"tenant_id": tenant_id, "user_id": user_id, "error": error, "last": last}
    return bool(connection.execute(_FAIL_ALIKE, key).scalar_one())


def usage(connection: Connection, tenant_id: str | None = None) -> list[Usage]:
    """Usage by model, of one tenant or of all."""
    columns = (
        llm_calls.c.model,
        func.count().label("calls"),
        func.count().filter(llm_calls.c.outcome.not_in(("ok", "void"))).label("failed"),
        func.sum(llm_calls.c.prompt_tokens).label("prompt"),
        func.sum(llm_calls.c.cached_tokens).label("cached"),
        func.sum(llm_calls.c.completion_tokens).label("completion"),
    )
    query = select(*columns).group_by(llm_calls.c.model).order_by(llm_calls.c.model)
    if tenant_id is not None:
        query = query.where(llm_calls.c.tenant_id == tenant_id)
    return [
        Usage(row.model, row.calls, row.failed, Tokens(int(row.prompt), int(row.cached), int(row.completion)))
        for row in connection.execute(query)
    ]
