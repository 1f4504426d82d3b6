"""The files of docs/examples run as they are, against `afterword up`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from afterword.producers import MemoryClient
from afterword.schemas import ContextReply, Reply
from afterword.schemas.keys import CallerRole
from tests.conftest import unavailable
from tests.support.afterword_up import bare_environment
from tests.support.fake_openai import FakeOpenAI
from tests.support.gateway_stack import GatewayStack, token
from tests.support.openai_faults import says
from tests.support.openai_streams import streamed, streamed_tool_call
from tests.support.pages import blocks
from tests.support.waiting import wait_until

EXAMPLES = Path("docs/examples")
README_BLOCKS = blocks(Path("README.md"))
DAY = re.compile(r"\d{4}-\d\d-\d\d")


@pytest.fixture
def openai() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
def client(stack_url: str) -> Iterator[MemoryClient]:
    with MemoryClient(stack_url) as client:
        yield client


def run(command: list[str], said: str = "", **environment: str) -> str:
    """The output of an example. Raises: AssertionError, with its complaint."""
    told = {**bare_environment(), **environment}
    shown = subprocess.run(command, env=told, input=said, capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def python(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / name), *arguments]


def texts(client: MemoryClient, user_id: str) -> set[str]:
    return {memory.text for memory in client.memories.iterate(user_id=user_id)}


def remember(client: MemoryClient, user_id: str, text: str) -> None:
    """Something the user said in another session, as soon as it can be recalled."""
    client.publish(user_id=user_id, session_id="before", messages=[{"role": "user", "content": text}])
    wait_until(lambda: text in texts(client, user_id), 120, "the excerpt")
    assert not client.context(
        user_id, query="anything else?", timeout=10
    ).degraded  # no example asks the first question


def test_every_example_is_run_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{file.name}"' in tests for file in EXAMPLES.iterdir() if file.is_file())


def test_the_quickstart_prints_what_the_readme_shows(stack_url: str) -> None:
    program, shown = README_BLOCKS["python"][0], README_BLOCKS["text"][-1]
    assert program in (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")

    def printed() -> str:
        return DAY.sub("DAY", run(python("quickstart.py"), AFTERWORD_REDIS_URL=stack_url))

    wait_until(lambda: printed() == DAY.sub("DAY", shown), 120, "what the README shows")


def test_publishing_and_asking_by_hand(stack_url: str) -> None:
    parts = ("published run-2041; the outbox holds 0\n", "Yes, with two bedrooms", "missing: nothing")

    def complete() -> bool:
        shown = run(python("publish_and_ask.py"), AFTERWORD_REDIS_URL=stack_url)
        return all(part in shown for part in parts)

    wait_until(complete, 120, "what was published, in the prompt")


def test_a_chat_remembers(stack_url: str, client: MemoryClient, openai: FakeOpenAI) -> None:
    remember(client, "chatting", "I am a vegetarian and live near Blaak station.")
    openai.fail(says("Try the market hall."), says("Until six."))

    shown = run(
        python("openai_chat.py", "chatting"),
        said="Where can a vegetarian eat near Blaak station?\nHow long is it open?\n",
        AFTERWORD_REDIS_URL=stack_url,
        OPENAI_BASE_URL=openai.url,
        OPENAI_API_KEY="any",
    )

    assert shown == "Try the market hall.\nUntil six.\n"
    first, second = (chat.messages for chat in openai.chats)
    assert "I am a vegetarian and live near Blaak station." in first[0]["content"]
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    wait_until(lambda: {"Try the market hall.", "Until six."} < texts(client, "chatting"), 120, "what was said")


def test_an_answer_is_streamed_with_tools(stack_url: str, client: MemoryClient, openai: FakeOpenAI) -> None:
    remember(client, "streaming", "I live in Lisbon.")
    openai.fail(streamed_tool_call("temperature", {"city": "Lisbon"}), streamed("It is ", "17 degrees."))

    shown = run(
        python("openai_chat_async.py", "streaming", "How warm is it in Lisbon, where I live?"),
        AFTERWORD_REDIS_URL=stack_url,
        OPENAI_BASE_URL=openai.url,
        OPENAI_API_KEY="any",
    )

    assert shown == "It is 17 degrees.\n"
    asked, answered = (chat.messages for chat in openai.chats)
    assert "I live in Lisbon." in asked[0]["content"]
    assert answered[-1] == {"role": "tool", "tool_call_id": "call-1", "content": "17 degrees in Lisbon"}
    wait_until(lambda: "It is 17 degrees." in texts(client, "streaming"), 120, "what was said")
    assert not any("17 degrees in Lisbon" in text for text in texts(client, "streaming")), "tools are not learned from"


def test_publishing_and_asking_with_redis_cli(stack_url: str) -> None:
    if shutil.which("redis-cli") is None:
        unavailable("no redis-cli on PATH")

    shown = run(["sh", str(EXAMPLES / "redis-cli.sh")], AFTERWORD_REDIS_URL=stack_url)

    reply = Reply.model_validate(json.loads(shown.splitlines()[-1]))
    context = ContextReply.model_validate(reply.unwrap())
    assert [memory.text for memory in context.memories] == ["I am allergic to peanuts."]
    assert "I am allergic to peanuts." in context.text


def test_publishing_and_asking_from_node(door: GatewayStack) -> None:
    if shutil.which("node") is None:
        unavailable("no node on PATH")
    credential = token("a-service", CallerRole.AGENT, tenant="of-node")

    def printed() -> str:
        command = ["node", str(EXAMPLES / "node-client.mjs")]
        return run(command, AFTERWORD_URL=door.url, AFTERWORD_KEY=credential)

    wait_until(lambda: "said: I'm allergic to peanuts." in printed(), 60, "what was published, in the prompt")


def test_node_is_told_what_is_wrong(door: GatewayStack) -> None:
    if shutil.which("node") is None:
        unavailable("no node on PATH")
    with pytest.raises(AssertionError, match="Error: 401"):
        run(["node", str(EXAMPLES / "node-client.mjs")], AFTERWORD_URL=door.url, AFTERWORD_KEY="awk_unknown")
