"""LlamaIndex: `AfterwordMemoryBlock` gives memories, and `AfterwordMemory` publishes what is said.

>>> memory = AfterwordMemory.from_defaults(  # doctest: +SKIP
...     session_id="thread-9", memory_blocks=[AfterwordMemoryBlock(user_id="maya", agent_id="travel-planner")]
... )
>>> await agent.run("Which hotel?", memory=memory)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.memory import BaseMemoryBlock, Memory
from llama_index.core.storage.chat_store.base_db import MessageStatus

from afterword.integrations.unfailing import Client, Participants, UnfailingMemory, attempted, latest_question
from afterword.producers import AsyncMemoryClient
from afterword.producers.calls import ContextOptions


class AfterwordMemoryBlock(BaseMemoryBlock[str]):
    """The memories of a user for a `Memory` of LlamaIndex, asked for once a run.

    In a plain `Memory` it learns what leaves the short-term memory, which in a short conversation is nothing: use
    `AfterwordMemory`. The session is that of the `Memory`. `client` defaults to that of the environment; `recall` is
    how to choose memories, as in `MemoryClient.context`. An agent goes on whatever happens here.
    """

    name: str = "afterword"
    user_id: Any = None
    agent_id: Any = None
    client: Any = Field(default_factory=AsyncMemoryClient.from_env, exclude=True)
    recall: dict[str, Any] = Field(default_factory=dict)
    _memory: UnfailingMemory = PrivateAttr()
    _latest: tuple[Any, str] = PrivateAttr(default=(None, ""))

    def model_post_init(self, context: Any, /) -> None:
        """Stand before the client, so that no failure of it reaches the agent."""
        super().model_post_init(context)
        self._memory = UnfailingMemory(cast("Client", self.client), cast("ContextOptions", self.recall))

    async def apublish(self, messages: Sequence[ChatMessage], session_id: str | None) -> None:
        """Publish what was said in a run."""
        await self._memory.apublish(self._between(session_id), [_answered(message) for message in messages])

    async def _aget(self, messages: list[ChatMessage] | None = None, **block_kwargs: Any) -> str:
        session_id, history = block_kwargs.get("session_id"), messages or []
        # An agent asks its memory before each call of the model, and once more when it has answered.
        asked = (session_id, latest_question(history), _answers_before_question(history))
        if self._latest[0] != asked:
            context = await self._memory.acontext(self._between(session_id), asked[1])
            self._latest = (asked, context.inject())
        return self._latest[1]

    async def _aput(self, messages: list[ChatMessage]) -> None:
        sessions = {message.additional_kwargs.get("session_id") for message in messages}
        await self.apublish(messages, sessions.pop() if len(sessions) == 1 else None)

    def _between(self, session_id: Any) -> Participants | None:
        return self._memory.between(lambda: Participants(self.user_id, self.agent_id, session_id))


class AfterwordMemory(Memory):
    """LlamaIndex's `Memory`, which publishes a run to its `AfterwordMemoryBlock` as soon as the answer is put in.

    What the user said in a run that fails is published with the next run of the session.
    """

    def model_post_init(self, context: Any, /) -> None:
        """Tell the blocks that they need not learn from the short-term memory as well."""
        super().model_post_init(context)
        for block in self._remembering():
            block.accept_short_term_memory = False

    async def aput(self, message: ChatMessage) -> None:
        """Add a message; publish the run where it is the answer."""
        history = await self._history([message])
        await super().aput(message)
        await self._apublish([*history, message])

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """Add messages; publish the run where the answer is among them."""
        history = await self._history(messages)
        await super().aput_messages(messages)
        await self._apublish([*history, *messages])

    async def _history(self, added: list[ChatMessage]) -> list[ChatMessage]:
        # Before the messages are added, which may send old ones into the archive.
        if not (added and _is_answer(added[-1])):
            return []
        return await self.sql_store.get_messages(self.session_id, status=MessageStatus.ACTIVE)

    async def _apublish(self, messages: list[ChatMessage]) -> None:
        if not _is_answer(messages[-1] if messages else None):
            return
        said = attempted(lambda: messages[_first_of_run(messages) :]) or []
        for block in self._remembering():
            await block.apublish(said, self.session_id)

    def _remembering(self) -> list[AfterwordMemoryBlock]:
        return [block for block in self.memory_blocks if isinstance(block, AfterwordMemoryBlock)]


def _is_answer(message: ChatMessage | None) -> bool:
    """Whether it ends a run: words of the assistant, and no call of a tool."""
    if message is None or message.role != MessageRole.ASSISTANT or not message.content:
        return False
    calls = message.additional_kwargs.get("tool_calls")
    return not calls and not any(isinstance(block, ToolCallBlock) for block in message.blocks)


def _first_of_run(messages: Sequence[ChatMessage]) -> int:
    """Where the latest run begins: at the user's messages that follow an answer."""
    place = max((at for at, message in enumerate(messages) if message.role == MessageRole.USER), default=0)
    while place > 0 and messages[place - 1].role in (MessageRole.USER, MessageRole.SYSTEM):
        place -= 1
    return place


def _answers_before_question(messages: Sequence[ChatMessage]) -> int:
    asked = max((at for at, message in enumerate(messages) if message.role == MessageRole.USER), default=0)
    return sum(_is_answer(message) for message in messages[:asked])


def _answered(message: ChatMessage) -> ChatMessage:
    """A message without the thoughts that a ReAct agent puts before its answer."""
    text = message.content or ""
    if message.role != MessageRole.ASSISTANT or not text.startswith("Thought:") or "Answer:" not in text:
        return message
    return ChatMessage(role=message.role, content=text.rpartition("Answer:")[2].strip())
