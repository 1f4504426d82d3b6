"""Figures on request, end to end: real worker processes, asked through the SDK and the command line."""

from __future__ import annotations

import asyncio
import json

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed
from tests.acceptance.test_pipeline import TURNS, ask
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until


def test_what_happened_is_told_by_the_sdk_and_the_command_line(deployment: Deployment) -> None:
    deployment.settings["AFTERWORD_ANALYTICS_INTERVAL"] = "1"
    deployment.start("ingest", "context", "commands", "telemetry", "scheduler")
    with deployment.client() as client:
        client.publish(user_id="ada", agent_id="travel", messages=TURNS)
        wait_until(lambda: client.analytics.overview().memories == 2, 120, "the excerpts")
        ask(client, "Am I allergic to peanuts?", agent_id="travel")
        wait_until(lambda: client.analytics.overview().period.searches == 1, 120, "the search")
        wait_until(lambda: client.analytics.overview().stored == 2, 120, "a snapshot")

        overview = client.analytics.overview()
        ada = client.analytics.user("ada", days=7)

    assert (overview.users, overview.period.added, overview.difference) == (1, 2, 0)
    assert overview.active_users.day == 1
    assert overview.period.average_seconds is not None
    assert (ada.memories, ada.conversations, ada.period.searches) == (2, 1, 1)

    shown = deployment.run("analytics", "user", "ada", "--days", "7", "--json").stdout
    assert json.loads(shown)["memories_by_kind"] == {"excerpt": 2}
    told = dict(line.split() for line in deployment.run("analytics", "overview").stdout.splitlines())
    assert (told["memories"], told["active_users.day"], told["growth"]) == ("2", "1", "-")

    async def awaited() -> tuple[int, int]:
        async with AsyncMemoryClient(deployment.redis.url) as client:
            whole = await client.analytics.overview(days=1)
            return whole.memories, (await client.analytics.user("nobody")).memories

    assert asyncio.run(awaited()) == (2, 0)


def test_where_analytics_are_off_the_rest_works_and_says_so(deployment: Deployment) -> None:
    deployment.settings["AFTERWORD_ANALYTICS"] = "false"
    deployment.start("ingest", "context", "commands")
    with deployment.client() as client:
        client.publish(user_id="ada", messages=TURNS)
        wait_until(lambda: len(client.memories.list(user_id="ada").memories) == 2, 120, "the excerpts")
        with pytest.raises(CommandFailed, match="AFTERWORD_ANALYTICS"):
            client.analytics.overview()
    failed = deployment.run("analytics", "overview", check=False)
    assert failed.returncode == 1
    assert "switched off" in failed.stderr
