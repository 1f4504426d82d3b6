"""The users that a message names, wherever and in whatever shape it does, and whose it is. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import read_message
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter

_FIELD = re.compile(rb'"(?:user_id|userId|userID|user)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')
"""A user's field of JSON. Within a text its quotes are escaped, so that what somebody said is none."""


def users_named(data: bytes) -> frozenset[str]:
    """The values of all fields that hold a user's id, ids that are numbers as text. Reads what is no JSON as well.

    >>> sorted(users_named(b'{"args": [{"events": [{"user_id": "ann"}, {"user_id": 7}]}'))
    ['7', 'ann']
    """
    found = set()
    for value in _FIELD.findall(data):
        try:
            found.add(str(json.loads(value)))
        except ValueError:
            continue
    return frozenset(found)


def is_about(tenant_id: str, user_id: str, session_id: str | None = None) -> Callable[[bytes], bool]:
    """Tells of a message, as it lies in a queue, whether it is a user's, or that session's of theirs."""

    def is_of(data: bytes) -> bool:
        body = read_message(data)[1]
        if "user_id" not in body:
            # Nobody's by its shape; whose it is says what is in it. Of which session, nothing does.
            return session_id is None and user_id in users_named(data)
        # Ids may be numbers in what others publish; their text form is what is kept.
        owner = (str(body.get("tenant_id", DEFAULT_TENANT)), str(body.get("user_id")))
        return owner == (tenant_id, user_id) and session_id in (None, str(body.get("session_id")))

    return is_of


def letters_of(user_id: str, session_id: str | None = None) -> Callable[[DeadLetter], bool]:
    """Tells of a letter whether it is a user's, or that session's of theirs."""

    def is_wanted(letter: DeadLetter) -> bool:
        if letter.user_id is None:
            return session_id is None and user_id in users_named(letter.body)
        return session_id in (None, str(read_message(letter.body)[1].get("session_id")))

    return is_wanted
