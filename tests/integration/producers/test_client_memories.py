"""Managing memories through the client, answered by a thread that plays the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.producers import (
    AsyncMemoryClient,
    CommandFailed,
    DeletionState,
    InvalidEvent,
    Kind,
    Memory,
    MemoryClient,
    MemoryOwner,
    MemoryOwners,
    MemoryPage,
    MemoryUnavailable,
    RelatedMemories,
    RelatedMemory,
    Relation,
    Removed,
    Scope,
    SearchPage,
    UserCount,
    UserPage,
)
from afterword.schemas import ErrorBody
from afterword.schemas.commands import ClearMemories
from afterword.schemas.wire import Queue
from afterword.workers.embedded.redis_server import free_port
from tests.support.fake_worker import FakeWorker

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def memory(memory_id: str, text: str = "likes tea") -> Memory:
    return Memory(id=memory_id, text=text, scope=Scope.USER, kind=Kind.NOTE, occurred_at=NOON, user_id="ada")


def answer(request: Any) -> Any:
    """Five memories in pages; every other command as it comes."""
    if request.command == "list":
        start = int(request.cursor or 0)
        end = start + request.limit
        page = tuple(memory(f"m{number}") for number in range(start, min(end, 5)))
        return MemoryPage(memories=page, next_cursor=str(end) if end < 5 else None)
    if request.command == "search":
        pages = {None: SearchPage(memories=(memory("m1"),), next_cursor="2"), "2": SearchPage(memories=(memory("m2"),))}
        return pages[request.cursor]
    if request.command == "get" and request.memory_id == "nowhere":
        return ErrorBody(code="not_found", message="no such memory")
    answers: dict[str, Callable[[], Any]] = {
        "get": lambda: memory(request.memory_id),
        "related": lambda: RelatedMemories(
            related=(RelatedMemory(memory=memory("other"), relation=Relation.LINKED),), degraded=("embedder",)
        ),
        "add": lambda: memory("new", request.text),
        "delete": lambda: Removed(removed=1),
        "deletion": lambda: DeletionState(deletion_id="7", pending=True, memories=5, requested_at=NOON),
        "clear": lambda: Removed(removed=5),
        "owners": lambda: MemoryOwners(owners=(MemoryOwner(memory_id="m1", scope=Scope.USER, user_id="ada"),)),
        "users": lambda: UserPage(users=(UserCount(user_id="ada", memories=5),)),
    }
    return answers[request.command]()


def test_every_command_has_its_answer(redis_url: str) -> None:
    with (
        FakeWorker(redis_url, Queue.COMMANDS, answer) as worker,
        MemoryClient(redis_url, tenant_id="acme") as client,
    ):
        page = client.memories.list(user_id="ada", scope="user", kind=Kind.NOTE, limit=2)
        assert ([each.id for each in page.memories], page.next_cursor) == (["m0", "m1"], "2")
        assert [each.id for each in client.memories.iterate(user_id="ada", limit=2)] == ["m0", "m1", "m2", "m3", "m4"]
        assert client.memories.get("m3", user_id="ada").id == "m3"
        assert client.memories.add("likes coffee", user_id="ada", metadata={"by": "hand"}).text == "likes coffee"
        assert client.memories.delete("m3", agent_id="planner", by="owner").removed == 1
        assert client.memories.deletion("7", user_id="ada").pending
        assert client.memories.clear(user_id="ada", session_id="s").removed == 5
        assert client.memories.owners(["m1"]).owners[0].user_id == "ada"
        assert client.memories.users(limit=10).users == (UserCount(user_id="ada", memories=5),)
    assert {request.tenant_id for request in worker.requests} == {"acme"}
    assert all(request.deadline_ms for request in worker.requests)
    clear = next(each for each in worker.requests if isinstance(each, ClearMemories))
    assert (clear.command, clear.user_id, clear.session_id) == ("clear", "ada", "s")


def test_a_search_is_sent_with_its_filters_and_goes_on_from_page_to_page(redis_url: str) -> None:
    with FakeWorker(redis_url, Queue.COMMANDS, answer) as worker, MemoryClient(redis_url) as client:
        which: dict[str, Any] = {
            "scope": "user",
            "kind": Kind.NOTE,
            "since": NOON,
            "until": "2026-05-02T00:00:00+02:00",
            "topic": "food",
            "metadata": {"level": 3, "sure": True, "mood": "good"},
            "user_id": "ada",
            "agent_id": "planner",
        }
        first = client.memories.search("tea", explain=True, limit=1, **which)
        second = client.memories.search("tea", limit=1, cursor=first.next_cursor, **which)
        assert [each.id for each in (*first.memories, *second.memories)] == ["m1", "m2"]
        assert second.next_cursor is None
        [related] = client.memories.related("m1", user_id="ada", limit=3).related
        assert (related.memory.id, related.relation) == ("other", "linked")
    asked: Any = worker.requests[0]
    assert (asked.query, asked.explain, asked.limit) == ("tea", True, 1)
    assert {name: getattr(asked, name) for name in which} == {**which, "until": datetime(2026, 5, 1, 22, tzinfo=UTC)}
    assert type(asked.metadata["sure"]) is bool
    assert getattr(worker.requests[-1], "limit", None) == 3


def test_a_search_that_breaks_the_contract_is_not_sent(redis_url: str) -> None:
    with MemoryClient(redis_url) as client:
        with pytest.raises(InvalidEvent, match="until: must be after since"):
            client.memories.search("tea", user_id="ada", since=NOON, until=NOON)
        with pytest.raises(InvalidEvent, match="name an owner"):
            client.memories.search("tea")


def test_the_same_awaited(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            found = [each.id async for each in client.memories.iterate(user_id="ada", limit=2)]
            assert found == ["m0", "m1", "m2", "m3", "m4"]
            assert (await client.memories.get("m3", user_id="ada")).id == "m3"
            assert (await client.memories.add("likes coffee", user_id="ada")).text == "likes coffee"
            assert (await client.memories.delete("m3", user_id="ada")).removed == 1
            assert (await client.memories.clear(user_id="ada")).removed == 5
            assert (await client.memories.owners(["m1"])).owners[0].user_id == "ada"
            assert (await client.memories.deletion("7", user_id="ada")).memories == 5
            assert (await client.memories.users()).users[0].user_id == "ada"
            assert (await client.memories.search("tea", user_id="ada")).next_cursor == "2"
            assert (await client.memories.related("m1", user_id="ada")).degraded == ("embedder",)
            with pytest.raises(CommandFailed, match="not_found"):
                await client.memories.get("nowhere", user_id="ada")

    with FakeWorker(redis_url, Queue.COMMANDS, answer):
        asyncio.run(use())


def test_an_error_of_the_workers_is_raised(redis_url: str) -> None:
    with (
        FakeWorker(redis_url, Queue.COMMANDS, answer),
        MemoryClient(redis_url) as client,
        pytest.raises(CommandFailed) as caught,
    ):
        client.memories.get("nowhere", user_id="ada")
    assert caught.value.code == "not_found"


def test_silence_is_an_error(redis_url: str) -> None:
    with MemoryClient(redis_url) as client, pytest.raises(MemoryUnavailable):
        client.memories.users(timeout=0.05)


def test_no_redis_is_an_error() -> None:
    with pytest.raises(MemoryUnavailable):
        MemoryClient(f"redis://127.0.0.1:{free_port()}/0").memories.users()


@pytest.mark.parametrize("owner", [{}, {"user_id": "ada", "agent_id": "planner"}, {"session_id": "s"}])
def test_an_owner_is_named_once(redis_url: str, owner: Any) -> None:
    with MemoryClient(redis_url) as client, pytest.raises(InvalidEvent):
        client.memories.list(**owner)


def test_a_misspelt_argument_does_not_widen_a_command(redis_url: str) -> None:
    misspelt: Any = {"user_id": "ada", "sesion_id": "s"}
    with MemoryClient(redis_url) as client, pytest.raises(TypeError, match="sesion_id"):
        client.memories.clear(**misspelt)
