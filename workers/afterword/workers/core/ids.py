"""The ids of memories. An id follows from the memory itself, so that writing it again adds nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from uuid import UUID, uuid5

from afterword.schemas import Scope

# Never change it. All stored ids follow from it: another one would write every turn and fact a second time.
_NAMESPACE = UUID("5c1f7c3e-5f0a-4d43-9a34-3f4d1c2b7e61")


def piece_ids(
    tenant_id: str, user_id: str, thread: str, *, message_id: str | None, role: str, text: str
) -> Iterator[str]:
    """The ids of a turn's pieces, in order and without end. `thread` is the session; without one, the event.

    Role, text and message id identify a turn, so that overlapping windows of a thread store it once.
    """
    # Once a turn: a digest for each piece would cost the square of the turn's length, minutes for one of 50 MB.
    turn = turn_digest(role, text, message_id)
    return (_uuid("excerpt", tenant_id, user_id, thread, turn, piece) for piece in count())


def turn_digest(role: str, text: str, message_id: str | None = None) -> str:
    """A digest that identifies a turn. The message id alone does not: some frameworks give all answers the same one.

    >>> turn_digest("assistant", "Yes.", "__fake_id__") == turn_digest("assistant", "No.", "__fake_id__")
    False
    """
    # Without a message id the older form stays, since ids of excerpts that are stored already follow from it.
    said = f"{role}\n{text}" if message_id is None else json.dumps([message_id, role, text], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def fact_id(tenant_id: str, scope: Scope, owner: str, batch_id: str, ordinal: int) -> str:
    """The id of a fact: it follows from its place in the journalled answer of its batch."""
    return _uuid("fact", tenant_id, scope.value, owner, batch_id, ordinal)


def note_id(tenant_id: str, user_id: str | None, agent_id: str | None, session_id: str | None, request_id: str) -> str:
    """The id of a memory added by hand: the same request of an owner adds it once."""
    return _uuid("note", tenant_id, user_id, agent_id, session_id, request_id)


def import_id(tenant_id: str, user_id: str, given_id: str) -> str:
    """The id of a memory that was kept elsewhere under another one: it is imported once for each user."""
    return _uuid("import", tenant_id, user_id, given_id)


def pseudonym(tenant_id: str, owner: str) -> str:
    """The name of a user or an agent in logs: twelve hexadecimal digits. Their ids may be mail addresses."""
    # Logged of messages that nobody has checked: half of a surrogate pair has no UTF-8 form.
    return hashlib.sha256(f"{tenant_id}\n{owner}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _uuid(*parts: str | int | None) -> str:
    # JSON keeps ("a", "bc") and ("ab", "c") apart.
    return str(uuid5(_NAMESPACE, json.dumps(parts, ensure_ascii=False)))
