"""The tools, each defined once for every transport: its name, its arguments, its answer, and the call behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from mcp_types import Tool, ToolAnnotations
from pydantic import create_model

from afterword.integrations.mcp.answers import (
    ContextFound,
    ConversationTaken,
    MemoriesFound,
    MemoryRemoved,
    NoteWritten,
    ShownMemory,
    ToolAnswer,
)
from afterword.integrations.mcp.arguments import (
    ContextArguments,
    ConversationArguments,
    DeletionArguments,
    ListArguments,
    NoteArguments,
    OwnerArguments,
    SearchArguments,
    ToolArguments,
    checked_arguments,
    plain_schema,
)
from afterword.integrations.mcp.callers import Given, ToolCaller

# No tool reaches beyond the memories of its owner: none is open-world.
_READS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_ADDS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
_REMOVES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


@dataclass(frozen=True, kw_only=True)
class MemoryTool:
    """A tool. `call` gets checked arguments; whose memories they are about it has the caller say."""

    name: str
    title: str
    description: str
    hints: ToolAnnotations
    arguments: type[ToolArguments]
    answer: type[ToolAnswer]
    call: Callable[[ToolCaller, Given], Awaitable[ToolAnswer]]

    @cached_property
    def with_owner(self) -> type[ToolArguments]:
        """The arguments of those who may say whose memories they mean."""
        # Any: mypy takes what is made for a class of its own.
        make: Any = create_model
        made: type[ToolArguments] = make(f"Owned{self.arguments.__name__}", __base__=(OwnerArguments, self.arguments))
        return made

    def described(self, *, names_owners: bool) -> Tool:
        """The tool, as clients are told of it."""
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=plain_schema(self._arguments_for(names_owners)),
            output_schema=plain_schema(self.answer),
            annotations=self.hints,
        )

    async def run(self, caller: ToolCaller, arguments: Any) -> ToolAnswer:
        """Call it. Raises: InvalidInput, MemoryUnavailable, CommandFailed, or what binds the caller."""
        checked = checked_arguments(self._arguments_for(caller.names_owners), arguments)
        return await self.call(caller, checked.given())

    def _arguments_for(self, names_owners: bool) -> type[ToolArguments]:
        return self.with_owner if names_owners else self.arguments


async def _search(caller: ToolCaller, given: Given) -> ToolAnswer:
    return MemoriesFound.of(await caller.client.memories.search(**caller.of_owner(given)))


async def _list(caller: ToolCaller, given: Given) -> ToolAnswer:
    # Said here as well: the client's own default is a page for programs.
    wanted = {"limit": ListArguments.model_fields["limit"].default, **given}
    return MemoriesFound.of(await caller.client.memories.list(**caller.of_owner(wanted)))


async def _context(caller: ToolCaller, given: Given) -> ToolAnswer:
    found = await caller.client.context(**caller.of_run(given), timeout=caller.context_seconds)
    return ContextFound.of(found)


async def _add(caller: ToolCaller, given: Given) -> ToolAnswer:
    return NoteWritten(memory=ShownMemory.of(await caller.client.memories.add(**caller.of_owner(given))))


async def _delete(caller: ToolCaller, given: Given) -> ToolAnswer:
    return MemoryRemoved.of(await caller.client.memories.delete(**caller.of_owner(given)))


async def _remember(caller: ToolCaller, given: Given) -> ToolAnswer:
    event_id = await caller.client.publish(None, **caller.of_conversation(given))
    return ConversationTaken(event_id=str(event_id), waits=caller.client.stats.queued > 0)


TOOLS: Final = (
    MemoryTool(
        name="get_context",
        title="Recall for this message",
        description="Get the memories that help to answer the user's latest message, as text for you to read. Call it "
        "before you answer something that earlier conversations may bear on.",
        hints=_READS,
        arguments=ContextArguments,
        answer=ContextFound,
        call=_context,
    ),
    MemoryTool(
        name="search_memories",
        title="Search memories",
        description="Search memories by meaning and words, best first, each with its id and its relevance. Use it to "
        "find one thing, or to find the id of a memory that is to be deleted.",
        hints=_READS,
        arguments=SearchArguments,
        answer=MemoriesFound,
        call=_search,
    ),
    MemoryTool(
        name="list_memories",
        title="List memories",
        description="List memories page by page, newest first, each with its id.",
        hints=_READS,
        arguments=ListArguments,
        answer=MemoriesFound,
        call=_list,
    ),
    MemoryTool(
        name="add_memory",
        title="Remember one thing",
        description="Write down one thing word for word. Use it when the user asks you to remember something.",
        hints=_ADDS,
        arguments=NoteArguments,
        answer=NoteWritten,
        call=_add,
    ),
    MemoryTool(
        name="delete_memory",
        title="Forget one thing",
        description="Delete one memory for good. Use it when the user asks you to forget something; look up its id "
        "first, and be sure that it is the one that is meant.",
        hints=_REMOVES,
        arguments=DeletionArguments,
        answer=MemoryRemoved,
        call=_delete,
    ),
    MemoryTool(
        name="remember_conversation",
        title="Remember this conversation",
        description="Hand over a conversation, or a part of it, to be learned from in the background. Call it once at "
        "the end of a conversation, with the messages as they were said; what was handed over before need not come "
        "again. It answers at once.",
        hints=_ADDS,
        arguments=ConversationArguments,
        answer=ConversationTaken,
        call=_remember,
    ),
)
"""All tools, in the order in which they are listed."""
