"""Asking to be erased: over the queue, from the command line, at the gateway."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.producers import AsyncMemoryClient, MemoryClient
from afterword.schemas.erasures import ErasureStatus
from afterword.workers.runtime.roles import Role, start_role
from tests.support.gateway_stack import GatewayStack, new_user, token
from tests.support.workshop import Workshop, event


def test_over_the_queue_and_from_the_command_line(
    workshop: Workshop, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    # Files are proven in `test_erasure`, and take most of the time.
    monkeypatch.setattr(workshop.store, "rewrite", lambda: True)
    monkeypatch.setattr(workshop.store, "folder", lambda: None)
    cli = CliRunner()
    role = start_role(Role.COMMANDS, workshop.house)
    try:
        workshop.take_in(event("I play the cello.", user="ann"), event("So do I.", user="bob-the-second"))
        with MemoryClient(redis_url) as client:
            asked = client.users.erase("ann", asked_by="root")
            assert asked.status is ErasureStatus.RUNNING
            shown = cli.invoke(app, ["users", "erase", "ann", "--wait", "0"])
            assert shown.stdout == f"erasure {asked.erasure_id} is at step sample\n"
            workshop.house.governance.erasing(workshop.broker).carry_on()
            done = client.users.erasure(asked.erasure_id)
            assert done.receipt is not None
            assert done.receipt.asked_by == "root"
            assert client.users.verify_erased("ann").clean
        shown = cli.invoke(app, ["users", "erasure", asked.erasure_id])
        assert json.loads(shown.stdout)["erasure_id"] == asked.erasure_id
        assert cli.invoke(app, ["users", "verify-erased", "ann"]).exit_code == 0
        looked = cli.invoke(app, ["users", "verify-erased", "bob-the-second"])
        assert looked.exit_code == 1
        assert "ledger.conversations" in looked.stdout

        async def ask() -> None:
            async with AsyncMemoryClient(redis_url) as aio:
                erasure = await aio.users.erase("bob-the-second", keep_learned=True)
                assert (await aio.users.erasure(erasure.erasure_id)).step == "sample"
                assert not (await aio.users.verify_erased("bob-the-second")).clean

        asyncio.run(ask())
    finally:
        role.stop(10)


def test_at_the_gateway_users_erase_themselves_and_admins_anybody(door: GatewayStack) -> None:
    ann, bob = new_user("ann"), new_user("bob")
    with door.http(token(ann)) as http:
        assert http.post(f"/api/v1/users/{bob}/erasure").status_code == 403
        asked = http.post(f"/api/v1/users/{ann}/erasure", params={"keep_learned": True})
        assert asked.status_code == 202
        erasure = http.get(f"/api/v1/erasures/{asked.json()['erasure_id']}")
        assert (erasure.status_code, erasure.json()["status"]) == (200, "running")
        assert http.get("/api/v1/erasures/00000000-0000-0000-0000-000000000000").status_code == 404
    with door.agent() as http:
        assert http.post(f"/api/v1/users/{bob}/erasure").status_code == 403
    with door.http(token("root", "admin")) as http:
        assert http.post(f"/api/v1/users/{bob}/erasure").status_code == 202
    with door.http(token(ann, tenant="another")) as http:
        assert http.get(f"/api/v1/erasures/{asked.json()['erasure_id']}").status_code == 404
