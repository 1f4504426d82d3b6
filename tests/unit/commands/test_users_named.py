"""Whom a message names, whatever its shape."""

from __future__ import annotations

import json

import pytest

from afterword.workers.services.commands.users_named import users_named


@pytest.mark.parametrize(
    ("data", "users"),
    [
        (b"", set()),
        (b"\xff\x00 no JSON", set()),
        (b"[" * 100_000, set()),
        (b'{"args": [{"user_id": "ann", "messages": [', {"ann"}),
        (b'{"kwargs": {"body": {"userId": 7}}}', {"7"}),
        (b'{"args": [{"events": [{"user_id": "ann"}, {"user_id": "bob"}]}]}', {"ann", "bob"}),
        (json.dumps({"user": "Zo\u00eb"}).encode(), {"Zo\u00eb"}),
        (json.dumps({"user": "Zo\u00eb"}, ensure_ascii=False).encode(), {"Zo\u00eb"}),
        (json.dumps({"content": 'she sent {"user": "ann"}'}).encode(), set()),
        (b'{"role": "user", "user": null}', set()),
    ],
)
def test_users(data: bytes, users: set[str]) -> None:
    assert users_named(data) == users
