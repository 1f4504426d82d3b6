"""The users that a message names, wherever and in whatever shape it does. Pure."""

from __future__ import annotations

import json
import re

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
