"""One run of an agent: memories before it, what was said after it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from afterword.producers.context import Context
from afterword.schemas.chunks import answer_texts, chunk_text
from afterword.schemas.conversation import LEARNED_ROLES, ConversationFinished, Message
from afterword.schemas.foreign import label
from afterword.schemas.spoken import spoken

logger = logging.getLogger("afterword.producers")

GivenMessage = Message | Mapping[str, Any] | Any
"""A message as the agent's framework holds it; see `afterword.schemas.reading`."""

T = TypeVar("T")


@dataclass(frozen=True)
class Opening:
    """The start of a run. `event` is None when it was invalid and the client is set to log that."""

    event: ConversationFinished | None
    turns: tuple[GivenMessage, ...]
    system_prompt: str

    @property
    def query(self) -> str | None:
        """The latest user message."""
        messages = self.event.messages if self.event else ()
        said = (spoken(message.text, message.role) for message in reversed(messages) if message.role == "user")
        # A picture alone, or a pasted memory, holds no words to ask with: then the message before it.
        return next((text for text in said if text), None)

    @property
    def prompt(self) -> str:
        """The system prompt: the one given, else a system message at the beginning of the turns."""
        return self.system_prompt or (self._leading.text if self._leading else "")

    @property
    def prompt_role(self) -> str:
        """The role that the prompt has to the LLM: `developer`, where the turns say so, else `system`."""
        given = self._leading and not self.system_prompt and label(self.turns[0], "role")
        return "developer" if given == "developer" else "system"

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
        system = [{"role": opening.prompt_role, "content": self.system_prompt}] if self.system_prompt else []
        self.messages: list[Any] = [*system, *map(_for_llm, opening.conversation)]
        self._event = opening.event
        self._said: list[str] = []
        self._chunks: list[str] = []

    def said(self, answer: Any) -> None:
        """Add what the assistant answered: a text, or a message, completion or response of any SDK. Never raises.

        >>> run.said(client.chat.completions.create(...))  # doctest: +SKIP
        """
        # Whatever was streamed came before this answer.
        self._end_of_message()
        self._said += _read(answer_texts, answer) or []

    def append(self, chunk: Any) -> None:
        """Add to the message that the assistant is streaming: a text, or a chunk of any SDK. Never raises."""
        if text := _read(chunk_text, chunk):
            self._chunks.append(text)

    def outcome(self, *, interrupted: bool) -> ConversationFinished | None:
        """The event to publish: the turns of user and assistant, and the answers of this run. None when there are none.

        An interrupted run has `interrupted: true` in its metadata.
        """
        self._end_of_message()
        if self._event is None:
            return None
        turns = [message for message in self._event.messages if message.role in LEARNED_ROLES]
        turns += [Message(role="assistant", content=text) for text in self._said]
        metadata = {**self._event.metadata, **({"interrupted": True} if interrupted else {})}
        return self._event.model_copy(update={"messages": tuple(turns), "metadata": metadata}) if turns else None

    def _end_of_message(self) -> None:
        if self._chunks:
            self._said.append("".join(self._chunks))
            self._chunks.clear()


class Run(_Run):
    """A run between its memories and its publication, as `MemoryClient.remembered` gives it."""

    def stream(self, chunks: Iterable[T]) -> Iterator[T]:
        """Pass the chunks on, texts or an SDK's. Their words, as far as they came, are one message of the assistant."""
        try:
            for chunk in chunks:
                self.append(chunk)
                yield chunk
        finally:
            self._end_of_message()


class AsyncRun(_Run):
    """A run between its memories and its publication, as `AsyncMemoryClient.remembered` gives it."""

    async def stream(self, chunks: AsyncIterable[T]) -> AsyncIterator[T]:
        """Pass the chunks on, texts or an SDK's. Their words, as far as they came, are one message of the assistant."""
        try:
            async for chunk in chunks:
                self.append(chunk)
                yield chunk
        finally:
            self._end_of_message()


def _read(words_of: Callable[[Any], T], answer: Any) -> T | None:
    """The words of an answer; None for an object that raises when it is looked at, as an unbound proxy does."""
    try:
        return words_of(answer)
    except Exception as error:  # noqa: BLE001 - it may raise whatever it likes, in the middle of somebody's run
        logger.warning("left out of an event: an answer that cannot be read (%s)", type(error).__name__)
        return None


def _for_llm(turn: GivenMessage) -> Any:
    """A turn as it goes to the LLM: an object of a framework is passed on unchanged."""
    try:
        if isinstance(turn, Message):
            return turn.model_dump(include={"role", "content", "name"}, exclude_none=True)
        return dict(turn) if isinstance(turn, Mapping) else turn
    except Exception:  # noqa: BLE001 - as above
        return turn
