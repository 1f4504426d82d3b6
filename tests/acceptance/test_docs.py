"""The pages tell the truth: their code runs, their tables are those of the code, their links lead somewhere."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import afterword.producers
from afterword.cli.settings_table import settings_table
from afterword.gateway.app import create_app
from afterword.gateway.routes import API
from afterword.gateway.settings import GatewaySettings
from afterword.integrations.mcp.stdio import bound_caller
from afterword.integrations.mcp.tools import TOOLS
from afterword.producers import (
    Analytics,
    AsyncAnalytics,
    AsyncMemories,
    AsyncMemoryClient,
    ClientSettings,
    Memories,
    MemoryClient,
)
from afterword.producers.agents import Agents
from afterword.producers.aio.agents import AsyncAgents
from afterword.producers.aio.dead_letters import AsyncDeadLetterBox
from afterword.producers.aio.keys import AsyncKeys
from afterword.producers.aio.policies import AsyncPolicies
from afterword.producers.aio.users import AsyncUsers
from afterword.producers.dead_letters import DeadLetterBox
from afterword.producers.keys import Keys
from afterword.producers.policies import Policies
from afterword.producers.users import Users
from tests.support.pages import anchors, blocks, links

SDK = Path("docs/sdk.md")
SETTINGS = Path("docs/settings.md")
MEM0_CLIENT = Path("docs/mem0-client.md")
GATEWAY = Path("docs/gateway.md")
MCP = Path("docs/mcp.md")
SOURCES = [Path("schemas"), Path("producers"), Path("workers")]
PAGES = [*Path().glob("*.md"), *sorted(Path("docs").glob("*.md")), Path("ops/README.md"), Path("ops/runbooks.md")]


def public(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items() if not name.startswith("_") and callable(getattr(kind, name))}


async def run(code: str, names: dict[str, Any]) -> None:
    """Run a block as a shell would that lets `await` stand alone."""
    result = eval(compile(code, str(SDK), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.isawaitable(result):
        await result


def test_the_code_of_the_sdk_page_runs(stack_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", stack_url)
    names: dict[str, Any] = {}

    async def all_of_it() -> None:
        for block in blocks(SDK)["python"]:
            await run(block, names)

    asyncio.run(all_of_it())
    names["client"].close()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MemoryClient, "client"),
        (Memories, "client.memories"),
        (Analytics, "client.analytics"),
        (Keys, "client.keys"),
        (Agents, "client.agents"),
        (Policies, "client.policies"),
        (Users, "client.users"),
        (DeadLetterBox, "client.dead_letters"),
        (AsyncMemoryClient, "aio"),
        (AsyncMemories, "aio.memories"),
        (AsyncAnalytics, "aio.analytics"),
        (AsyncKeys, "aio.keys"),
        (AsyncAgents, "aio.agents"),
        (AsyncPolicies, "aio.policies"),
        (AsyncUsers, "aio.users"),
        (AsyncDeadLetterBox, "aio.dead_letters"),
    ],
)
def test_the_sdk_page_shows_every_call(kind: type, name: str) -> None:
    code = "\n".join(blocks(SDK)["python"])
    shown = set(re.findall(rf"(?<!\.)(?:{re.escape(name)}|{kind.__name__})\.(\w+)", code))
    assert public(kind) <= shown


def test_the_sdk_page_names_everything_that_can_be_imported() -> None:
    page = SDK.read_text(encoding="utf-8")
    assert {name for name in afterword.producers.__all__ if not re.search(rf"\b{name}\b", page)} == set()


def test_the_settings_are_those_of_the_workers() -> None:
    (table,) = re.findall(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", SETTINGS.read_text("utf-8"), re.DOTALL)
    assert table == settings_table(), f"run `afterword settings` and put its output into {SETTINGS}"


def test_the_settings_of_the_gateway_page_are_those_of_the_gateway() -> None:
    (table,) = re.findall(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", GATEWAY.read_text("utf-8"), re.DOTALL)
    assert table == settings_table(GatewaySettings), (
        f"run `afterword settings --gateway`, its output goes into {GATEWAY}"
    )


def test_the_pages_on_the_gateway_name_every_route() -> None:
    # Those that other platforms know stand beside mem0's own.
    page = GATEWAY.read_text("utf-8") + MEM0_CLIENT.read_text("utf-8")
    paths = create_app(GatewaySettings(insecure_dev=True)).openapi()["paths"]
    ours = {
        f"`{method.upper()} {path}`"
        for path, methods in paths.items()
        for method, told in methods.items()
        if path.startswith(API) and "compat" not in told["tags"]
    }
    assert len(ours) > 20
    assert {each for each in ours if each not in page} == set()


def test_the_page_on_mcp_names_every_tool_and_its_configuration_can_be_pasted() -> None:
    named = re.findall(r"^\| `([a-z_]+)` \|", MCP.read_text("utf-8"), re.MULTILINE)
    assert named == [tool.name for tool in TOOLS]
    stdio, http = (json.loads(block)["mcpServers"]["afterword"] for block in blocks(MCP)["json"])
    assert bound_caller(stdio["env"]).user_id == "maya"
    assert http["url"].endswith("/mcp")


def test_the_settings_of_the_sdk_are_those_of_the_client() -> None:
    rows = dict(re.findall(r"^\| `AFTERWORD_(\w+)` \| `([^`]*)` \|", SETTINGS.read_text("utf-8"), re.MULTILINE))
    told = {name: rows.get(name.upper()) for name in ClientSettings.model_fields}
    assert told == {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in ClientSettings()}


def test_the_script_of_the_wire_protocol_is_the_example() -> None:
    assert Path("docs/examples/redis-cli.sh").read_text("utf-8") in blocks(Path("docs/wire-protocol.md"))["sh"]


def test_the_quickstart_shows_what_the_readme_shows() -> None:
    readme, quickstart = blocks(Path("README.md")), blocks(Path("docs/quickstart.md"))
    assert readme["python"][0] in quickstart["python"]
    assert readme["text"][-1] in quickstart["text"]


@pytest.mark.parametrize("page", [Path("ARCHITECTURE.md"), Path("CONTRIBUTING.md")], ids=str)
def test_modules_and_classes_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"`([^`\n]+)`", page.read_text("utf-8")))
    roots = [Path(), Path("producers/afterword"), Path("workers/afterword"), Path("workers/afterword/workers")]
    modules = {name for name in named if re.fullmatch(r"[\w/]+/[\w/]+\.py", name)}
    assert modules
    assert {name for name in modules if not any((root / name).is_file() for root in roots)} == set()
    code = "\n".join(path.read_text("utf-8") for root in SOURCES for path in root.rglob("*.py"))
    classes = {name for name in named if re.fullmatch(r"(?:[A-Z][a-z0-9]+){2,}", name)}
    assert {name for name in classes if not re.search(rf"\b{name}\b", code)} == set()


def test_the_readme_is_short() -> None:
    assert len(Path("README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, fragment = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link
