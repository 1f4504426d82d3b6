"""Calls to the LLM: what each cost, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, func, insert, select

from afterword.workers.core.tokens import Tokens
from afterword.workers.stores.ledger.tables import llm_calls

Outcome = Literal["ok", "void", "unavailable", "refused", "bad_answer"]
"""`ok`: the answer was journalled. `void`: it came for a subject that was lost to another worker or cleared."""


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One call for one subject, with how many conversations it was asked about."""

    tenant_id: str
    user_id: str
    model: str
    outcome: Outcome
    conversations: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model was used for: calls by outcome, and tokens."""

    model: str
    calls: int
    failed: int
    tokens: Tokens


def write(connection: Connection, call: LlmCall) -> None:
    """Record a call."""
    connection.execute(insert(llm_calls).values(asdict(call)))


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
