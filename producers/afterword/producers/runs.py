"""One run of an agent: memories before it, what was said after it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from afterword.producers.context import Context
from afterword.schemas.conversation import LEARNED_ROLES, ConversationFinished, Message

GivenMessage = Message | Mapping[str, Any]


@dataclass(frozen=True)
class Opening:
    """What a run starts with. `event` is None when it was invalid and the client is set to log that."""

    event: ConversationFinished | None
    turns: tuple[GivenMessage, ...]
    system_prompt: str

    @property
    def query(self) -> str | None:
        """The latest user message."""
        messages = self.event.messages if self.event else ()
        return next((message.text for message in reversed(messages) if message.role == "user"), None)

    @property
    def prompt(self) -> str:
        """The system prompt: the one given, else a system message at the beginning of the turns."""
        return self.system_prompt or (self._leading.text if self._leading else "")

    @property
    def conversation(self) -> tuple[GivenMessage, ...]:
        """The turns after the system prompt."""
        return self.turns[1:] if self._leading and not self.system_prompt else self.turns

    @property
    def _leading(self) -> Message | None:
        first = self.event.messages[0] if self.event else None
        return first if first and first.role == "system" else None


class _Run:
    """`context` holds the memories, `system_prompt` the prompt with them in it, and `messages` what goes to the
    LLM: that prompt and the turns given.
    """

    def __init__(self, opening: Opening, context: Context) -> None:
        self.context = context
        self.system_prompt = context.inject(opening.prompt)
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        self.messages: list[dict[str, Any]] = [*system, *map(_for_llm, opening.conversation)]
        self._event = opening.event
        self._said: list[str] = []
        self._chunks: list[str] = []

    def said(self, text: str) -> None:
        """Add a whole message of the assistant."""
        self._end_of_message()
        self._said.append(_sendable(text))

    def append(self, chunk: str) -> None:
        """Add to the message that the assistant is streaming."""
        self._chunks.append(chunk)

    def outcome(self, *, interrupted: bool) -> ConversationFinished | None:
        """The event to publish: the user's and the assistant's turns and what was said; None when that is nothing.

        An interrupted run has `interrupted: true` in its metadata.
        """
        self._end_of_message()
        if self._event is None:
            return None
        turns = [message for message in self._event.messages if message.role in LEARNED_ROLES]
        turns += [Message(role="assistant", content=text) for text in self._said if text]
        metadata = {**self._event.metadata, **({"interrupted": True} if interrupted else {})}
        return self._event.model_copy(update={"messages": tuple(turns), "metadata": metadata}) if turns else None

    def _end_of_message(self) -> None:
        if self._chunks:
            self._said.append(_sendable("".join(self._chunks)))
            self._chunks.clear()


class Run(_Run):
    """A run between its memories and its publication, as `MemoryClient.remembered` gives it."""

    def stream(self, chunks: Iterable[str]) -> Iterator[str]:
        """The same chunks, kept as one message of the assistant, as far as they came."""
        try:
            for chunk in chunks:
                self.append(chunk)
                yield chunk
        finally:
            self._end_of_message()


class AsyncRun(_Run):
    """A run between its memories and its publication, as `AsyncMemoryClient.remembered` gives it."""

    async def stream(self, chunks: AsyncIterable[str]) -> AsyncIterator[str]:
        """The same chunks, kept as one message of the assistant, as far as they came."""
        try:
            async for chunk in chunks:
                self.append(chunk)
                yield chunk
        finally:
            self._end_of_message()


def _sendable(text: str) -> str:
    # A stream that was cut may end in half a surrogate pair, which has no UTF-8 form.
    return text.encode("utf-8", "replace").decode()


def _for_llm(turn: GivenMessage) -> dict[str, Any]:
    if isinstance(turn, Message):
        return turn.model_dump(include={"role", "content", "name"}, exclude_none=True)
    return dict(turn)
