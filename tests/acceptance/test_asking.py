"""Searching and explaining, end to end: real worker processes, through the SDK and the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed, Kind, MemoryClient, Relation
from afterword.workers.embedded.completions import Messages
from tests.acceptance.test_pipeline import FACTS, TURNS, ask, facts
from tests.support.deployment import Deployment, metric
from tests.support.waiting import wait_until


def learned(client: MemoryClient) -> None:
    """Ada's conversation, taken in and extracted."""
    client.publish(user_id="ada", agent_id="travel", session_id="s1", messages=TURNS)
    wait_until(lambda: len(facts(client, "ada")) == 3, 120, "the user's facts")


def test_memories_are_searched_and_filtered(deployment: Deployment) -> None:
    deployment.openai.answer_with(FACTS)
    deployment.run("agents", "set", "travel", "--owner", "acme")
    workers = {worker.role: worker for worker in deployment.start("ingest", "extraction", "scheduler", "commands")}
    with deployment.client() as client:
        learned(client)
        client.memories.add("Window seats only", user_id="ada", metadata={"seat": "window", "level": 3, "sure": True})
        search = client.memories.search

        found = search("Is there an allergy to peanuts?", user_id="ada", explain=True)
        assert "allergic to peanuts" in found.memories[0].text
        assert all(memory.score is not None and 0 <= memory.score <= 1 for memory in found.memories)
        assert [each.memory.id for each in found.explanations] == [memory.id for memory in found.memories]
        assert "lexical" in found.explanations[0].signals

        def texts(query: str | None = "Lisbon", **which: Any) -> set[str]:
            return {memory.text for memory in search(query, **({"user_id": "ada"} | which)).memories}

        assert texts(kind="fact", scope="session") == {"Dinner in Lisbon is being planned"}
        assert texts(agent_id="travel") == {TURNS[1]["content"], TURNS[2]["content"]}
        assert texts(metadata={"seat": "window", "level": 3, "sure": True}) == {"Window seats only"}
        assert texts(metadata={"level": 4}) == texts(session_id="s2") == set()
        now = datetime.now(UTC)
        assert texts(None, until=now - timedelta(hours=1)) == set()
        assert len(texts(None, since=now - timedelta(hours=1))) == 6
        assert texts("allergens", user_id=None, agent_id="travel", by="acme") == {
            "Check allergens before booking dinners"
        }
        _is_paged(client, None)
        _is_paged(client, "What happens in Lisbon?")

        strangers: list[Any] = [{"user_id": "ada", "by": "bob"}, {"agent_id": "travel", "by": "ada"}]
        for stranger in (*strangers, {"agent_id": "travel"}):
            with pytest.raises(CommandFailed, match="denied"):
                search("Lisbon", **stranger)
        assert texts(user_id="bob") == set()
        with pytest.raises(CommandFailed) as wrong:
            search("Lisbon", user_id="ada", topic="tea")
        assert (wrong.value.code, wrong.value.field) == ("invalid", "topic")
    counted = {"command": "search", "outcome": "denied"}
    assert metric(workers["commands"], "afterword_commands_total", counted) == 3


def _is_paged(client: MemoryClient, query: str | None) -> None:
    whole = [memory.id for memory in client.memories.search(query, user_id="ada").memories]
    paged: list[str] = []
    cursor = None
    for _ in range(3):
        page = client.memories.search(query, user_id="ada", limit=2, cursor=cursor)
        paged += [memory.id for memory in page.memories]
        cursor = page.next_cursor
    assert cursor is None
    assert paged == whole
    assert len(set(whole)) == 6


def linking(prompt: Messages) -> str:
    """One fact a conversation; each links to the first memory that is there already."""
    said = str(prompt[-1]["content"])
    links = ["0"] if "balcony" in said else []
    text = "Her balcony faces the river" if links else "Clara lives in Porto"
    return json.dumps({"memory": [{"id": "0", "text": text, "scope": "user", "linked_memory_ids": links}]})


def test_what_the_llm_linked_is_related_and_completes_a_context(deployment: Deployment) -> None:
    deployment.openai.answer_with(linking)
    deployment.start("ingest", "extraction", "scheduler", "context", "commands")
    with deployment.client() as client:
        for number, said in enumerate(("Clara moved to Porto.", "One sees boats from the balcony.")):
            client.publish(user_id="ada", event_id=f"e{number}", messages=[{"role": "user", "content": said}])
            wait_until(lambda: len(facts(client, "ada")) == number + 1, 120, "the fact")  # noqa: B023  # called at once
        of = {memory.text: memory for memory in client.memories.iterate(user_id="ada", kind=Kind.FACT)}
        balcony, porto = of["Her balcony faces the river"], of["Clara lives in Porto"]

        for one, other in ((balcony, porto), (porto, balcony)):
            related = client.memories.related(one.id, user_id="ada").related
            assert (related[0].memory.id, related[0].relation) == (other.id, Relation.LINKED)
            assert {each.relation for each in related[1:]} == {Relation.SIMILAR}
        with pytest.raises(CommandFailed, match="not_found"):
            client.memories.related(porto.id, user_id="bob")
        assert balcony.text in ask(client, "Where does Clara live?").text

    async def awaited() -> str:
        async with AsyncMemoryClient(deployment.redis.url) as other:
            found = await other.memories.search("Clara", user_id="ada", kind="fact", limit=1)
            return (await other.memories.related(found.memories[0].id, user_id="ada", limit=1)).related[0].relation

    assert asyncio.run(awaited()) == Relation.LINKED


def test_the_command_line_shows_a_context_and_why(deployment: Deployment) -> None:
    deployment.openai.answer_with(FACTS)
    deployment.start("ingest", "extraction", "scheduler", "context", "commands")
    with deployment.client() as client:
        learned(client)
        explained = ask(client, "Am I allergic to peanuts?", agent_id="travel", explain=True).explanations
        assert any(each.left_out for each in explained)
        assert any(each.left_out is None for each in explained)
    asked = ("context", "ada", "Am I allergic to peanuts?", "--agent", "travel")

    plain = deployment.run(*asked).stdout
    assert plain.startswith("## About the user")
    assert "allergic to peanuts" in plain
    assert "given:" not in plain

    told = deployment.run(*asked, "--session", "s1", "--explain").stdout
    assert "relevance" in told
    assert "given: " in told
    assert "left out: " in told

    reply = json.loads(deployment.run(*asked, "--explain", "--json").stdout)
    assert reply["text"] == plain.rstrip("\n")
    assert {each["memory"]["text"] for each in reply["explanations"]} >= {each["text"] for each in reply["memories"]}
    assert deployment.run("context", "bob", "peanuts").stdout == "nothing that belongs in the prompt\n"


def test_the_command_line_searches(deployment: Deployment) -> None:
    (worker,) = deployment.start("commands")
    with deployment.client() as client:
        for number in range(3):
            client.memories.add(f"Ada drinks tea number {number}", user_id="ada", metadata={"level": number})
    day = f"{datetime.now(UTC):%Y-%m-%d}"

    found = deployment.run("search", "ada", "tea", "--limit", "2", "--explain").stdout
    assert found.count("user/note") == 2
    assert "given: " in found
    cursor = found.split("--cursor ")[1].strip()
    assert deployment.run("search", "ada", "tea", "--cursor", cursor).stdout.count("user/note") == 1

    only = deployment.run("search", "ada", "--metadata", "level=1", "--kind", "note", "--json").stdout
    assert [memory["text"] for memory in json.loads(only)["memories"]] == ["Ada drinks tea number 1"]
    assert deployment.run("search", "ada", "tea", "--metadata", 'level="1"').stdout == ""
    assert deployment.run("search", "ada", "--until", "2020-01-01").stdout == ""
    assert deployment.run("search", "ada", "--since", day).stdout.count("user/note") == 3

    wrong = deployment.run("search", "ada", "--since", "soon", check=False)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("afterword: since: ")
    assert deployment.run("search", "ada", "--metadata", "level", check=False).returncode == 2
    assert worker.stop() == 0
    silent = deployment.run("search", "ada", "tea", "--timeout", "0.2", check=False)
    assert (silent.returncode, "no worker answered" in silent.stderr) == (1, True)
    alone = deployment.run("context", "ada", "tea", "--timeout", "0.2", check=False)
    assert (alone.returncode, "no worker answered" in alone.stderr) == (1, True)
