"""The hooks of Claude Agent SDK: the library as it is, with a transport that speaks as its command line does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk")

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, HookMatcher, ResultMessage
from claude_agent_sdk import Transport as SdkTransport

from afterword.integrations.claude_agent_sdk import memory_hooks
from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas.fence import BEGIN
from afterword.workers.embedded.redis_server import free_port
from tests.support.remembering import REMEMBERED, Service, answering, example, take_in, with_client, working
from tests.support.workshop import Workshop

INTERRUPTED = object()


class CommandLine(SdkTransport):
    """Answers prompts in turn, and calls the hooks that the SDK registered, in its protocol.

    It stands for the real one, which needs an account. `added` is what the hooks put beside each prompt.
    """

    def __init__(self, *answers: Any, session_id: str = "t-9", **odd: Any) -> None:
        self.added: list[str] = []
        self._answers = list(answers)
        self._session_id = session_id
        self._odd = odd
        self._sent: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._replies: dict[str, asyncio.Future[Any]] = {}
        self._hooks: dict[str, list[str]] = {}
        self._turns: set[asyncio.Task[None]] = set()

    async def connect(self) -> None: ...

    async def close(self) -> None:
        self._sent.put_nowait(None)

    async def end_input(self) -> None: ...

    def is_ready(self) -> bool:
        return True

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while (message := await self._sent.get()) is not None:
            yield message

    async def write(self, data: str) -> None:
        message = json.loads(data)
        if message["type"] == "control_request":
            registered = message["request"].get("hooks") or {}
            self._hooks = {
                event: [each for matcher in matchers for each in matcher["hookCallbackIds"]]
                for event, matchers in registered.items()
            }
            response = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            self._sent.put_nowait({"type": "control_response", "response": response})
        elif message["type"] == "control_response":
            self._replies[message["response"]["request_id"]].set_result(message["response"])
        elif message["type"] == "user":
            turn = asyncio.create_task(self._turn(message["message"]["content"]))
            self._turns.add(turn)

    async def _turn(self, prompt: str) -> None:
        for output in await self._call("UserPromptSubmit", prompt=prompt):
            self.added.append(output.get("hookSpecificOutput", {}).get("additionalContext", ""))
        answer = self._answers.pop(0)
        if answer is not INTERRUPTED:
            await self._call("Stop", stop_hook_active=False, last_assistant_message=answer)
        self._sent.put_nowait(
            {
                "type": "result",
                "subtype": "success",
                "duration_ms": 1,
                "duration_api_ms": 1,
                "is_error": False,
                "num_turns": 1,
                "session_id": self._session_id,
                "result": answer if isinstance(answer, str) else None,
            }
        )

    async def _call(self, event: str, **given: Any) -> list[dict[str, Any]]:
        outputs = []
        about = {"session_id": self._session_id, "transcript_path": "", "cwd": "", "hook_event_name": event}
        for callback_id in self._hooks.get(event, []):
            request_id = f"{event}-{len(self._replies)}"
            self._replies[request_id] = asyncio.get_running_loop().create_future()
            request = {"subtype": "hook_callback", "callback_id": callback_id, "input": {**about, **given, **self._odd}}
            self._sent.put_nowait({"type": "control_request", "request_id": request_id, "request": request})
            response = await self._replies[request_id]
            assert response["subtype"] == "success", response
            outputs.append(response["response"])
        return outputs


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with answering(redis_url) as service:
        yield service


async def ask(line: CommandLine, hooks: Any, *prompts: str) -> list[str | None]:
    """The results of a session."""
    results = []
    async with ClaudeSDKClient(ClaudeAgentOptions(hooks=hooks), transport=line) as claude:
        for prompt in prompts:
            await claude.query(prompt)
            async for message in claude.receive_response():
                if isinstance(message, ResultMessage):
                    results.append(message.result)
    return results


def hooks_of(client: Any, **more: Any) -> Any:
    return memory_hooks(client, **{"user_id": "maya", "agent_id": "planner", **more})


def test_memories_stand_beside_each_prompt_and_each_turn_is_published(service: Service, redis_url: str) -> None:
    async def use(client: Any) -> tuple[list[str | None], list[str]]:
        line = CommandLine("Grapes.", "Two.")
        return await ask(line, hooks_of(client, recall={"limit": 3}), "A snack for me?", "How many?"), line.added

    results, added = with_client(redis_url, use)
    assert results == ["Grapes.", "Two."]
    assert added[0].startswith(BEGIN)
    assert all(REMEMBERED in each for each in added)
    question, _ = service.questions
    assert (question.user_id, question.agent_id, question.session_id) == ("maya", "planner", "t-9")
    assert (question.query, question.limit) == ("A snack for me?", 3)
    event, _ = service.published()
    assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "planner", "t-9")
    assert service.said() == [
        [("user", "A snack for me?"), ("assistant", "Grapes.")],
        [("user", "How many?"), ("assistant", "Two.")],
    ]


def test_a_turn_that_is_interrupted_is_published_with_the_next(service: Service, redis_url: str) -> None:
    async def use(client: Any) -> None:
        await ask(CommandLine(INTERRUPTED, "Grapes."), hooks_of(client), "A snack without nuts?", "Well?")

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack without nuts?"), ("user", "Well?"), ("assistant", "Grapes.")]]


def test_hooks_of_ones_own_are_kept_and_a_blocking_client_does(service: Service, redis_url: str) -> None:
    called: list[Any] = []

    async def mine(given: Any, *_: Any) -> Any:
        called.append(given["hook_event_name"])
        return {}

    own: Any = {"Stop": [HookMatcher(hooks=[mine])]}
    with MemoryClient(redis_url) as client:
        asyncio.run(ask(CommandLine("Grapes."), hooks_of(client, beside=own), "A snack?"))
    assert called == ["Stop"]
    assert len(own["Stop"]) == 1
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]


@pytest.mark.parametrize("on", ["empty", "raise"])
def test_an_agent_needs_no_memory(on: Any) -> None:
    async def run() -> list[str | None]:
        settings = ClientSettings(on_unavailable=on)
        client = AsyncMemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=settings)
        results = await ask(CommandLine("Grapes."), hooks_of(client), "A snack?")
        await client.close(timeout=0)
        return results

    assert asyncio.run(run()) == ["Grapes."]


@pytest.mark.parametrize(
    "odd", [{"session_id": None}, {"prompt": None}, {"prompt": ["A snack?"]}, {"session_id": "a\nb"}]
)
def test_odd_input_is_left_out(service: Service, redis_url: str, odd: Any) -> None:
    async def use(client: Any) -> list[str | None]:
        return await ask(CommandLine(None, **odd), hooks_of(client), "A snack?")

    assert with_client(redis_url, use) == [None]
    assert service.said() in ([], [[("user", "A snack?")]])


@pytest.mark.parametrize("user_id", [None, "", "a\nb", ["maya"]])
def test_a_run_of_nobody_goes_on(service: Service, redis_url: str, user_id: Any) -> None:
    async def use(client: Any) -> list[str | None]:
        return await ask(CommandLine("Grapes."), hooks_of(client, user_id=user_id), "A snack?")

    assert with_client(redis_url, use) == ["Grapes."]
    assert service.published() == []


def test_one_session_reminds_another_of_what_was_said(redis_url: str, workshop: Workshop) -> None:
    with working(redis_url, workshop) as service:

        async def use(client: Any) -> list[str]:
            await ask(CommandLine("Noted.", session_id="mon"), hooks_of(client), "I'm allergic to peanuts.")
            take_in(service, workshop)
            line = CommandLine("Grapes.", session_id="fri")
            await ask(line, hooks_of(client), "A snack without peanuts?")
            return line.added

        [added] = with_client(redis_url, use)
    assert "I'm allergic to peanuts." in added


def test_the_example(service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)

    async def use() -> None:
        assert await example("claude_agent")["answer"]("maya", "A snack?", CommandLine("Grapes.")) == "Grapes."

    asyncio.run(use())
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]
