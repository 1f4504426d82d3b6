"""Transcripts: what was said, for as long as it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, update

from afterword.workers.core.turns import Turn
from afterword.workers.stores.ledger.ingest.conversations import UNEXTRACTED, VERBATIM, Conversation, conversations
from afterword.workers.stores.ledger.policies import RulesOfRows, is_over


def earlier_turns(connection: Connection, before: Conversation, *, limit: int) -> list[Turn]:
    """The last turns of the same session that were said before this conversation, oldest first."""
    if before.session_id is None:
        return []
    rows = connection.execute(
        select(conversations.c.turns)
        .where(
            conversations.c.tenant_id == before.tenant_id,
            conversations.c.user_id == before.user_id,
            conversations.c.session_id == before.session_id,
            conversations.c.turns.is_not(None),
            # A turn that spoiled its own prompt would spoil this one as well.
            conversations.c.status != "dead",
            or_(
                conversations.c.occurred_at < before.occurred_at,
                and_(conversations.c.occurred_at == before.occurred_at, conversations.c.id < before.id),
            ),
        )
        .order_by(conversations.c.occurred_at.desc(), conversations.c.id.desc())
        .limit(3)
    ).scalars()
    turns = [Turn.from_json(turn) for conversation in reversed(list(rows)) for turn in conversation]
    return [turn for turn in turns if turn.text][-limit:]


def turns_before(connection: Connection, conversation: Conversation, *, limit: int) -> list[Turn]:
    """The last turns of its session that were recorded before it and are still kept, oldest first; at most `limit`."""
    if conversation.session_id is None:
        return []
    rows = connection.execute(
        select(conversations.c.turns)
        .where(
            conversations.c.tenant_id == conversation.tenant_id,
            conversations.c.user_id == conversation.user_id,
            conversations.c.session_id == conversation.session_id,
            # Of the same agent: sessions of two agents may share a name.
            conversations.c.agent_id.is_not_distinct_from(conversation.agent_id),
            conversations.c.id < conversation.id,
            conversations.c.turns.is_not(None),
        )
        .order_by(conversations.c.id.desc())
        .limit(limit)
    )
    turns = [Turn.from_json(turn) for row in reversed(rows.all()) for turn in row.turns[-limit:]]
    return [turn for turn in turns if turn.text][-limit:]


def strike(connection: Connection, conversation: Conversation, turns: Sequence[Turn]) -> None:
    """Keep these turns instead. A turn without text was struck: it keeps its place, and nothing is learned from it.

    When nothing is left to be learned of the conversation, it waits no more, nor for an LLM to come.
    """
    # Turns before that place have been extracted already.
    rest = [turn for turn in turns[conversation.extracted_turns :] if turn.text]
    of_conversation = update(conversations).where(conversations.c.id == conversation.id)
    kept = [turn.to_json() for turn in turns]
    connection.execute(of_conversation.values(turns=kept, tokens=sum(turn.tokens for turn in turns)))
    if not rest:
        over = of_conversation.where(UNEXTRACTED)
        connection.execute(over.values(status="skipped", reason="deleted", finished_at=func.clock_timestamp()))


def drop_one(connection: Connection, conversation_id: int) -> None:
    """Forget what was said in one conversation."""
    connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(turns=None))


def drop_done(connection: Connection, ids: Sequence[int]) -> None:
    """Forget what was said in those of these conversations that are done, excerpts included."""
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(ids), conversations.c.status == "done", conversations.c.excerpts_at.is_not(None))
        .values(turns=None)
    )


def drop_old(connection: Connection, *, kept: timedelta, limit: int) -> dict[str, int]:
    """Forget what was said in conversations that ended longer ago than `kept`; how many of each tenant.

    Transcripts that wait for somebody (dead letters) or for an LLM stay, and so do those that a policy speaks of: see
    `drop_past_policy`.
    """
    rules = RulesOfRows(conversations, {})
    old = (
        select(conversations.c.id)
        .select_from(rules.rows)
        .where(
            *_DONE,
            conversations.c.finished_at < func.clock_timestamp() - kept,
            # These wait for an LLM. Nothing more is kept by that: the same words stand in their excerpts.
            conversations.c.reason.is_distinct_from(VERBATIM),
            rules.number("transcript_days").is_(None),
        )
        .limit(limit)
    )
    gone = update(conversations).where(conversations.c.id.in_(old)).values(turns=None)
    return dict(Counter(connection.execute(gone.returning(conversations.c.tenant_id)).scalars()))


def drop_past_policy(
    connection: Connection, defaults: Mapping[str, Any], *, tenant_id: str | None, limit: int
) -> dict[str, int]:
    """Forget what was said in conversations that are done, where a policy says so; how many of each tenant."""
    old = _past_policy(defaults, tenant_id).limit(limit)
    gone = update(conversations).where(conversations.c.id.in_(old)).values(turns=None)
    return dict(Counter(connection.execute(gone.returning(conversations.c.tenant_id)).scalars()))


def count_past_policy(connection: Connection, defaults: Mapping[str, Any], tenant_id: str) -> int:
    """How many those are of a tenant."""
    old = _past_policy(defaults, tenant_id).subquery()
    return connection.execute(select(func.count()).select_from(old)).scalar_one()


_DONE: tuple[ColumnElement[bool], ...] = (
    conversations.c.turns.is_not(None),
    conversations.c.excerpts_at.is_not(None),
    conversations.c.status != "dead",
)


def _past_policy(defaults: Mapping[str, Any], tenant_id: str | None) -> Select[tuple[int]]:
    rules = RulesOfRows(conversations, defaults)
    waits = conversations.c.reason.is_not_distinct_from(VERBATIM)
    over = is_over(conversations.c.finished_at, rules.number("transcript_days"))
    # What waits for an LLM says the same as its excerpts, and goes with them.
    excerpts_over = is_over(conversations.c.finished_at, rules.kept_days(literal("user"), literal("excerpt")))
    old = select(conversations.c.id).select_from(rules.rows)
    old = old.where(*_DONE, or_(and_(~waits, over), and_(waits, excerpts_over)))
    return old if tenant_id is None else old.where(conversations.c.tenant_id == tenant_id)
