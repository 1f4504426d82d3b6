"""Google's Agent Development Kit: `AfterwordMemoryService`, and `AfterwordPlugin`, which publishes every run.

>>> runner = Runner(  # doctest: +SKIP
...     app=App(name="planner", root_agent=agent, plugins=[AfterwordPlugin()]),
...     session_service=sessions,
...     memory_service=AfterwordMemoryService(),
... )
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from google.adk.agents.invocation_context import InvocationContext
from google.adk.events.event import Event
from google.adk.memory.base_memory_service import BaseMemoryService, SearchMemoryResponse
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.sessions.session import Session
from google.genai import types

from afterword.integrations.unfailing import Client, Participants, UnfailingMemory
from afterword.producers import AsyncMemoryClient, Memory
from afterword.producers.calls import ContextOptions

MAX_SESSIONS = 10_000
"""Sessions of which it is known how far they were published. One that is forgotten is published whole, which costs
time and no memory: the workers know its turns."""

SHOWN = {"scope", "kind", "score", "topic", "session_id"}
"""Fields of a memory that an entry's `custom_metadata` holds."""

logger = logging.getLogger("afterword.integrations")


class AfterwordMemoryService(BaseMemoryService):
    """A memory service of ADK, for `PreloadMemoryTool`, `LoadMemoryTool` and whatever else asks one.

    The user is the session's `user_id`. The agent is the session's `app_name`, unless `agent_id` names it. `client`
    defaults to that of the environment; `recall` is how to choose memories, as in `MemoryClient.context`.

    A session is published from where it was published before. Searching and publishing never raise. Adding and
    deleting one memory do, as `client.memories` does: whoever asked for it has to know.
    """

    def __init__(
        self, client: Client | None = None, *, agent_id: str | None = None, recall: ContextOptions | None = None
    ) -> None:
        self._memory = UnfailingMemory(client or AsyncMemoryClient.from_env(), recall)
        self._agent_id = agent_id
        self._published: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    async def add_session_to_memory(self, session: Session) -> None:
        """Publish what was said in a session since it was added last."""
        fresh = self._fresh(session)
        if fresh:
            await self._publish(session.app_name, session.user_id, session.id, fresh)

    async def add_events_to_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        events: Sequence[Event],
        session_id: str | None = None,
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Publish these events. Of `custom_metadata`, memories keep texts, numbers, true and false."""
        flat = {
            name: value
            for name, value in (custom_metadata or {}).items()
            if isinstance(value, str | int | float | bool)
        }
        await self._publish(app_name, user_id, session_id, events, metadata=flat)

    async def search_memory(self, *, app_name: str, user_id: str, query: str) -> SearchMemoryResponse:
        """The memories for a prompt; none where memory is away."""
        context = await self._memory.acontext(self._between(app_name, user_id, None), query or None)
        return SearchMemoryResponse(memories=[_entry(memory) for memory in context.memories])

    async def add_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        memories: Sequence[MemoryEntry],
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Write notes of the user. Raises: InvalidInput, MemoryUnavailable, CommandFailed."""
        for each in memories:
            words = "\n".join(part.text for part in each.content.parts or () if part.text)
            await self._memory.acommand("add", words, user_id=user_id)

    async def delete_memory(self, *, app_name: str, user_id: str, memory_id: str | None = None) -> None:
        """Remove a memory of the user. Raises: InvalidInput, MemoryUnavailable, CommandFailed."""
        await self._memory.acommand("delete", memory_id, user_id=user_id)

    async def _publish(
        self, app_name: str, user_id: str, session_id: str | None, events: Sequence[Event], **about: Any
    ) -> None:
        # Pieces of a streamed answer come again as a whole.
        whole = [event for event in events if not event.partial]
        await self._memory.apublish(self._between(app_name, user_id, session_id), whole, **about)

    def _between(self, app_name: str, user_id: str, session_id: str | None) -> Participants | None:
        return self._memory.between(lambda: Participants(user_id, self._agent_id or app_name, session_id))

    def _fresh(self, session: Session) -> list[Event]:
        """The events since the session was published last."""
        key, events = (session.app_name, session.user_id, session.id), list(session.events)
        known = self._published.pop(key, None)
        if events:
            self._published[key] = events[-1].id
        elif known is not None:
            self._published[key] = known
        while len(self._published) > MAX_SESSIONS:
            self._published.popitem(last=False)
        places = [place for place, event in enumerate(events) if event.id == known]
        return events[places[-1] + 1 :] if places else events


class AfterwordPlugin(BasePlugin):
    """Adds the session to the runner's memory service after every run, also one that failed. Never raises.

    What was said in a run that is cancelled is added after the session's next run.
    """

    def __init__(self, name: str = "afterword") -> None:
        super().__init__(name=name)

    async def after_run_callback(self, *, invocation_context: InvocationContext) -> None:
        """Add the session."""
        await self._add(invocation_context)

    async def on_run_error_callback(self, *, invocation_context: InvocationContext, error: Exception) -> None:
        """Add the session as far as it came."""
        await self._add(invocation_context)

    async def _add(self, context: InvocationContext) -> None:
        service = context.memory_service
        if service is None:
            logger.warning("the runner has no memory_service: its runs are not remembered")
            return
        try:
            await service.add_session_to_memory(context.session)
        except Exception as error:  # noqa: BLE001 - a service of somebody else's; the run goes on
            logger.error("memory is left out of a run: %s", type(error).__name__)


def _entry(memory: Memory) -> MemoryEntry:
    return MemoryEntry(
        id=memory.id,
        content=types.Content(role="user", parts=[types.Part(text=memory.text)]),
        author=memory.role,
        timestamp=memory.occurred_at.isoformat(),
        custom_metadata=memory.model_dump(mode="json", include=SHOWN, exclude_none=True),
    )
