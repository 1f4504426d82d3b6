"""Answers of the OpenAI SDK, whole and streamed: what was said in them, and whether the run goes on behind them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, cast

from afterword.integrations.unfailing import attempted, turns
from afterword.schemas.chunks import answer_texts, chunk_text
from afterword.schemas.foreign import label, look

_FOR_TOOLS: Final = frozenset({"tool_calls", "function_call"})
# What the caller has to run or to allow; OpenAI runs the other tools by itself.
_CALLS: Final = frozenset(
    {
        *("function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"),
        "mcp_approval_request",
    }
)


@dataclass
class ModelAnswer:
    """The words of the assistant, whole or as they are streamed, and whether it waits for tools."""

    whole: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    asks_for_tools: bool = False

    @classmethod
    def of(cls, answer: Any) -> ModelAnswer:
        """A whole answer."""
        return cls(answer_texts(answer), asks_for_tools=_asks_for_tools(answer))

    def add(self, chunk: Any) -> None:
        """A piece of a stream."""
        self.asks_for_tools = self.asks_for_tools or _asks_for_tools(chunk)
        if text := chunk_text(chunk):
            self.pieces.append(text)

    @property
    def texts(self) -> list[str]:
        """The messages of the assistant; what was streamed is one."""
        return [*self.whole, "".join(self.pieces)] if self.pieces else self.whole


def _asks_for_tools(answer: Any) -> bool:
    choices = look(answer, "choices")
    if isinstance(choices, list | tuple):
        choice = choices[0] if choices else None
        return label(choice, "finish_reason") in _FOR_TOOLS or bool(look(look(choice, "message"), "tool_calls"))
    # The last event of a stream holds the whole response.
    output = look(look(answer, "response") or answer, "output")
    return isinstance(output, list | tuple) and any(map(is_call, output))


def is_call(item: Any) -> bool:
    """Whether an item of a response is a call of a tool that the caller runs, or allows."""
    return label(item, "type") in _CALLS


def said_in(given: Any) -> list[Any]:
    """The messages of user and assistant among messages or items, without their ids.

    An answer has an id in OpenAI's own items, and none in the texts that most callers keep: with it, it would be
    another turn when it comes again.
    """
    said = attempted(lambda: turns(given)) or ()
    return [{name: each[name] for name in each if name != "id"} if isinstance(each, Mapping) else each for each in said]


class RememberedStream:
    """A stream of the SDK, as it is; it is published when it is over, or left."""

    def __init__(self, stream: Any, publish: Callable[..., None]) -> None:
        self._stream = stream
        self._publish = publish
        self._published = False
        self._chunks = self._read()

    def __iter__(self) -> Iterator[Any]:
        return self._chunks

    def __next__(self) -> Any:
        return next(self._chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Leave the stream, and close its connection."""
        self._chunks.close()
        # A generator of which nothing was read ends without its `finally`.
        self._publish_once(ModelAnswer(), interrupted=True)
        self._stream.close()

    def _read(self) -> Generator[Any, None, None]:
        answer, interrupted = ModelAnswer(), True
        try:
            for chunk in cast("Iterable[Any]", self._stream):
                answer.add(chunk)
                yield chunk
            interrupted = False
        finally:
            self._publish_once(answer, interrupted=interrupted)

    def _publish_once(self, answer: ModelAnswer, *, interrupted: bool) -> None:
        if not self._published:
            self._published = True
            self._publish(answer, interrupted=interrupted)


class AsyncRememberedStream:
    """The twin of `RememberedStream`, awaited."""

    def __init__(self, stream: Any, publish: Callable[..., Awaitable[None]]) -> None:
        self._stream = stream
        self._publish = publish
        self._published = False
        self._chunks = self._read()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._chunks

    async def __anext__(self) -> Any:
        return await anext(self._chunks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def close(self) -> None:
        """Leave the stream, and close its connection."""
        await self._chunks.aclose()
        await self._publish_once(ModelAnswer(), interrupted=True)
        await self._stream.close()

    async def _read(self) -> AsyncGenerator[Any, None]:
        answer, interrupted = ModelAnswer(), True
        try:
            async for chunk in self._stream:
                answer.add(chunk)
                yield chunk
            interrupted = False
        finally:
            await self._publish_once(answer, interrupted=interrupted)

    async def _publish_once(self, answer: ModelAnswer, *, interrupted: bool) -> None:
        if not self._published:
            self._published = True
            await self._publish(answer, interrupted=interrupted)
