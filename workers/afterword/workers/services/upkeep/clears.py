"""Clears and dead letters: a message sent before its user was cleared is not kept as a dead letter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import read_message
from afterword.workers.services.commands.users_named import users_named
from afterword.workers.stores.ledger import deletions, erasures
from afterword.workers.stores.ledger.deletions import Deletion
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from afterword.workers.text.storable import storable

_MOST_NAMED = 100


def cleared_letters(connection: Connection, letters: Sequence[DeadLetter]) -> set[str]:
    """The message ids of the letters that tell of somebody who was cleared, or erased, since they were sent."""
    of_users = [(letter, tenant_id, user) for letter in letters for tenant_id, user in _users(letter)]
    users = list({(tenant_id, user) for _, tenant_id, user in of_users})
    known = deletions.clears_of(connection, users)
    erased = erasures.erased_among(connection, users)
    clears: dict[tuple[str, str], list[Deletion]] = {}
    for deletion in known:
        clears.setdefault((deletion.wanted.tenant_id, deletion.wanted.user_id or ""), []).append(deletion)
    of_erased = {
        letter.message_id
        for letter, tenant_id, user in of_users
        if (at := erased.get((tenant_id, user))) is not None and _letter_sent_at(letter) <= at
    }
    return of_erased | {
        letter.message_id
        for letter, tenant_id, user in of_users
        if any(_covers(deletion, letter) for deletion in clears.get((tenant_id, user), ()))
    }


def _users(letter: DeadLetter) -> list[tuple[str, str]]:
    tenant_id = letter.tenant_id or DEFAULT_TENANT
    if letter.user_id is not None:
        return [(tenant_id, letter.user_id)]
    named = (storable(user) for user in sorted(users_named(letter.body))[:_MOST_NAMED])
    return [(tenant_id, user) for user in named]


def _covers(deletion: Deletion, letter: DeadLetter) -> bool:
    _, body = read_message(letter.body)
    if deletion.wanted.session_id not in (None, str(body.get("session_id"))):
        return False
    return _letter_sent_at(letter) <= deletion.requested_at


def _letter_sent_at(letter: DeadLetter) -> datetime:
    return _sent_at(read_message(letter.body)[0].get("message_timestamp"), letter.died_at)


def _sent_at(timestamp: object, died_at: datetime) -> datetime:
    """When a message was sent, as it says itself; when it died, where that cannot be."""
    if isinstance(timestamp, int) and not isinstance(timestamp, bool) and 0 < timestamp < died_at.timestamp() * 1000:
        return datetime.fromtimestamp(timestamp / 1000, UTC)
    return died_at
