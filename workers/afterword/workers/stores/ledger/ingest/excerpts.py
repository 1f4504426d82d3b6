"""Excerpts: which conversations have theirs, and which still lack them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, func, select, text

from afterword.workers.stores.ledger.ingest.conversations import COLUMNS, Conversation, conversation_of, conversations

# FOR KEY SHARE waits for `subjects.lock`, which a clear takes, but not for the updates of a claim.
_MARK_EXCERPTS = text(
    """
    UPDATE conversations
    SET excerpts_at = clock_timestamp(), status = CASE status WHEN 'received' THEN 'stored' ELSE status END
    FROM (
        SELECT generation FROM subjects WHERE tenant_id = :tenant_id AND user_id = :user_id FOR KEY SHARE
    ) AS subject
    WHERE conversations.id = :id AND conversations.generation = subject.generation
    """
)


def mark_excerpts(connection: Connection, conversation: Conversation) -> bool:
    """Note that its excerpts are searchable. False when the subject was cleared meanwhile: remove them again.

    When True, the subject is not cleared before the transaction ends.
    """
    key = {"id": conversation.id, "tenant_id": conversation.tenant_id, "user_id": conversation.user_id}
    return connection.execute(_MARK_EXCERPTS, key).rowcount == 1


def unwritten(connection: Connection, tenant_id: str, user_id: str, session_id: str | None) -> list[Conversation]:
    """Conversations of a user, or of one session of theirs, whose excerpts a worker may be writing."""
    of_user = [conversations.c.tenant_id == tenant_id, conversations.c.user_id == user_id]
    if session_id is not None:
        of_user.append(conversations.c.session_id == session_id)
    wanting = (conversations.c.excerpts_at.is_(None), conversations.c.turns.is_not(None))
    return [conversation_of(row) for row in connection.execute(select(*COLUMNS).where(*of_user, *wanting))]


def without_excerpts(connection: Connection, *, older_than: timedelta, limit: int) -> list[Conversation]:
    """Conversations whose excerpts could not be written when they came.

    In no order, so that one whose excerpts cannot be written at all does not stand before the others for ever.
    """
    rows = connection.execute(
        select(*COLUMNS)
        .where(
            conversations.c.excerpts_at.is_(None),
            conversations.c.turns.is_not(None),
            conversations.c.received_at < func.clock_timestamp() - older_than,
        )
        .order_by(func.random())
        .limit(limit)
    )
    return [conversation_of(row) for row in rows]
