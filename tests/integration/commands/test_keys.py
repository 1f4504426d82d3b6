"""API keys: made and shown once, checked without their secret, revoked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.producers import AsyncMemoryClient, CommandFailed, InvalidInput, MemoryClient
from afterword.producers.keys import NewKey
from afterword.schemas.keys import ApiKey, CallerRole, CheckKey, CreateKey, KeyEntry, KeyHolder, ListKeys, RevokeKey
from afterword.workers.core.errors import LedgerUnavailable, NotFound
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.services.commands.manage_keys import KeyRing
from tests.support.workshop import REPLY_TO, Workshop

KEY = ApiKey.draw()


@pytest.fixture
def ring(workshop: Workshop) -> KeyRing:
    return KeyRing(workshop.database)


def create(ring: KeyRing, key: ApiKey = KEY, **given: Any) -> KeyEntry:
    fields = {"account": "ci", "roles": ["agent"], **given}
    return ring.create(CreateKey(key_id=key.id, secret_hash=key.hash, reply_to=REPLY_TO, **fields))


def check(ring: KeyRing, key: ApiKey = KEY) -> KeyHolder:
    return ring.check(CheckKey(key_id=key.id, secret_hash=key.hash, reply_to=REPLY_TO))


class TestOverTheQueue:
    @pytest.fixture(autouse=True)
    def _role(self, workshop: Workshop) -> Iterator[None]:
        role = start_role(Role.COMMANDS, workshop.house)
        yield
        role.stop(10)

    def test_from_its_making_to_its_end(self, workshop: Workshop, redis_url: str) -> None:
        with MemoryClient(redis_url, tenant_id="acme") as client, MemoryClient(redis_url) as door:
            made = client.keys.create(
                "ann@acme", roles=["admin", "user"], user_id="ann", name="laptop", asked_by="root"
            )
            assert made.key not in repr(made)
            assert door.keys.check(made.key) == KeyHolder(
                tenant_id="acme", account="ann@acme", roles=(CallerRole.USER, CallerRole.ADMIN), user_id="ann"
            )
            [listed] = client.keys.list().keys
            assert (listed.id, listed.name, listed.revoked_at) == (made.entry.id, "laptop", None)
            assert listed.last_used_at is not None
            assert client.keys.revoke(listed.id, asked_by="root").revoked_at is not None
            with pytest.raises(CommandFailed, match="not_found"):
                door.keys.check(made.key)
            with pytest.raises(InvalidInput, match="key: must be awk_"):
                door.keys.check("something else")
        secret = made.key.rpartition("_")[2]
        # Nothing that is kept holds the secret: neither the ledger nor a queue.
        assert secret not in str(workshop.rows("SELECT to_jsonb(keys), (SELECT jsonb_agg(audit) FROM audit) FROM keys"))
        rows = workshop.rows("SELECT type, tenant_id, user_id, metadata FROM audit ORDER BY id")
        told = {"key": listed.id, "account": "ann@acme", "roles": ["user", "admin"], "by": "root"}
        assert [tuple(row) for row in rows] == [
            ("key_create", "acme", "ann", told),
            ("key_revoke", "acme", "ann", told),
        ]

    def test_the_same_awaited(self, redis_url: str) -> None:
        async def use() -> None:
            async with AsyncMemoryClient(redis_url) as client:
                made = await client.keys.create("ops", roles=[CallerRole.OPERATOR])
                assert isinstance(made, NewKey)
                assert (await client.keys.check(made.key)).account == "ops"
                assert (await client.keys.list()).keys[0].id == made.entry.id
                await client.keys.revoke(made.entry.id)
                with pytest.raises(CommandFailed, match="not_found"):
                    await client.keys.check(made.key)

        asyncio.run(use())


class TestChecking:
    def test_what_is_not_valid_is_told_alike(self, workshop: Workshop, ring: KeyRing) -> None:
        create(ring, expires_at=datetime.now(UTC) + timedelta(hours=1))
        other = ApiKey.draw()
        assert check(ring).account == "ci"
        workshop.rows("UPDATE keys SET expires_at = clock_timestamp()")
        for key in (KEY, other, ApiKey(KEY.id, other.secret)):
            with pytest.raises(NotFound, match=r"^this key is not valid$"):
                check(ring, key)

    def test_a_use_is_noted_once_a_minute(self, workshop: Workshop, ring: KeyRing) -> None:
        create(ring)

        def used() -> Any:
            check(ring)
            return workshop.rows("SELECT last_used_at FROM keys")[0].last_used_at

        first = used()
        assert used() == first
        workshop.rows("UPDATE keys SET last_used_at = last_used_at - interval '2 minutes'")
        assert used() > first

    def test_a_ledger_that_takes_no_writes_locks_nobody_out(
        self, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(ring)

        def refuse(*_: Any, **__: Any) -> None:
            raise LedgerUnavailable("PostgreSQL: it is read-only")

        monkeypatch.setattr("afterword.workers.stores.ledger.keys.note_use", refuse)
        assert check(ring).account == "ci"


class TestMaking:
    def test_the_same_request_makes_one_key(self, workshop: Workshop, ring: KeyRing) -> None:
        assert create(ring) == create(ring)
        assert [row.type for row in workshop.rows("SELECT type FROM audit")] == ["key_create"]

    def test_no_key_takes_the_place_of_another(self, ring: KeyRing) -> None:
        create(ring)
        with pytest.raises(InvalidInput, match="key_id"):
            create(ring, ApiKey(KEY.id, ApiKey.draw().secret), roles=["operator"])
        with pytest.raises(InvalidInput, match="key_id"):
            create(ring, tenant_id="other")
        assert check(ring).roles == (CallerRole.AGENT,)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"roles": ["user"]}, "needs user_id"),
            ({"roles": []}, "roles"),
            ({"roles": ["root"]}, "roles"),
            ({"expires_at": datetime(2026, 5, 1, tzinfo=UTC)}, "expires_at"),
        ],
    )
    def test_what_makes_no_key(self, ring: KeyRing, given: dict[str, Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            create(ring, **given)


def test_pages_hold_each_key_of_the_tenant_once_newest_first(ring: KeyRing) -> None:
    made = [create(ring, ApiKey.draw()).id for _ in range(5)]
    create(ring, tenant_id="other")
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = ring.page(ListKeys(limit=2, cursor=cursor, reply_to=REPLY_TO))
        seen += [key.id for key in page.keys]
        cursor = page.next_cursor
    assert (seen, cursor) == (made[::-1], None)
    with pytest.raises(InvalidInput, match="cursor"):
        ring.page(ListKeys(cursor=KEY.id, reply_to=REPLY_TO))


def test_a_key_of_another_tenant_cannot_be_revoked(ring: KeyRing) -> None:
    create(ring, tenant_id="other")
    with pytest.raises(NotFound, match="no such key"):
        ring.revoke(RevokeKey(key_id=KEY.id, reply_to=REPLY_TO))
    assert check(ring).tenant_id == "other"
    first = ring.revoke(RevokeKey(key_id=KEY.id, tenant_id="other", reply_to=REPLY_TO))
    assert ring.revoke(RevokeKey(key_id=KEY.id, tenant_id="other", reply_to=REPLY_TO)) == first


def test_the_command_line_makes_lists_and_revokes(
    ring: KeyRing, emptied_ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_POSTGRES_URL", emptied_ledger)

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["keys", *words])

    made = run("create", "ci", "--role", "agent", "--role", "admin", "--name", "build", "--expires", "2100-01-01")
    key = ApiKey.parse(made.stdout.strip())
    assert "shown this once" in made.stderr
    assert check(ring, key).roles == (CallerRole.AGENT, CallerRole.ADMIN)
    line = run("list").stdout
    assert re.fullmatch(rf"{key.id}  ci  agent,admin  expires 2100-01-01  used [\d: -]+  build\n", line)
    assert "is revoked" in run("revoke", key.id).stdout
    assert "  revoked " in run("list").stdout
    with pytest.raises(NotFound):
        check(ring, key)
    refused = run("create", "ann", "--role", "user")
    assert isinstance(refused.exception, InvalidInput)
    assert "needs user_id" in str(refused.exception)
    assert run("create", "ann", "--role", "root").exit_code == 2
