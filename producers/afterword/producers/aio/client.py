"""The client of an agent runner that lives on an event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from afterword.producers.aio.analytics import AsyncAnalytics
from afterword.producers.aio.lines import Lines
from afterword.producers.aio.memories import AsyncMemories
from afterword.producers.calls import ContextOptions, ScopeShares, command_call
from afterword.producers.context import CONTEXT_SECONDS, Context
from afterword.producers.intake import INVALID, Intake, PublishResult, in_batches
from afterword.producers.outbox import Parcel
from afterword.producers.parcels import ConversationFields, GivenConversation
from afterword.producers.runs import AsyncRun, GivenMessage
from afterword.producers.settings import DEFAULT_REDIS_URL, ClientSettings, Environment
from afterword.producers.stats import Stats
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.producers.waiting import WAIT_SECONDS, Patience, Stage
from afterword.schemas.answers import ConversationState
from afterword.schemas.commands import GetConversation
from afterword.schemas.context import DEFAULT_LIMIT, DEFAULT_TOKEN_BUDGET
from afterword.schemas.conversation import ConversationFinished
from afterword.schemas.errors import AfterwordError, CommandFailed, InvalidInput, MemoryUnavailable
from afterword.schemas.values import DEFAULT_TENANT, Metadata, Scope

if TYPE_CHECKING:
    from afterword.producers.aio.agents import AsyncAgents
    from afterword.producers.aio.dead_letters import AsyncDeadLetterBox
    from afterword.producers.aio.keys import AsyncKeys
    from afterword.producers.aio.policies import AsyncPolicies
    from afterword.producers.aio.users import AsyncUsers
    from afterword.producers.service_check import ServiceCheck


class AsyncMemoryClient:
    """The twin of `MemoryClient`, without threads: the same calls, awaited, with the same promises and errors.

    It may be used on several event loops, at once or one after another: each has connections of its own. Also in a
    forked child. What still waits when the process ends is sent then, as with the other client.
    """

    def __init__(
        self,
        redis_url: str = DEFAULT_REDIS_URL,
        *,
        tenant_id: str = DEFAULT_TENANT,
        settings: ClientSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings or ClientSettings()
        self._lines = Lines(redis_url, self._settings, clock)
        self._shared = False
        self._speak_for(tenant_id)

    def _speak_for(self, tenant_id: str) -> None:
        self._intake = Intake(tenant_id, self._settings)
        # The lines' `ask`, not a method of this client: no cycle keeps a client that nobody holds any more.
        self.memories = AsyncMemories(self._intake.tenant_id, self._lines.ask)
        """List, search, get, add, delete and clear memories."""
        self.analytics = AsyncAnalytics(self._intake.tenant_id, self._lines.ask)
        """Figures of usage."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client as the environment says; see `MemoryClient.from_env`. Raises: InvalidInput."""
        found = Environment.read(os.environ if environ is None else environ)
        return cls(found.redis_url, tenant_id=found.tenant_id, settings=found.settings)

    def for_tenant(self, tenant_id: str) -> Self:
        """A client of another tenant over the same connections; see `MemoryClient.for_tenant`. Raises: InvalidInput."""
        other = copy(self)
        other._shared = True
        other._speak_for(tenant_id)
        return other

    async def publish(
        self, conversation: GivenConversation | None = None, /, **fields: Unpack[ConversationFields]
    ) -> str | None:
        """Publish a finished conversation and return its event id; see `MemoryClient.publish`.

        When it is cancelled while it waits for Redis, the event is sent all the same.
        """
        line = self._lines.current()
        counts = line.state.take_counts()
        try:
            parcel = self._intake.parcel(conversation, fields, counts)
        except INVALID as error:
            line.state.count_refused(1, counts)
            self._intake.refuse(error)
            return None
        line.state.note_skipped(parcel.skipped)
        await line.publisher.send([parcel])
        return parcel.event_id

    async def publish_many(self, conversations: Iterable[GivenConversation]) -> list[PublishResult]:
        """Publish many, some hundred in a round trip; one result for each, in order. Invalid ones do not raise."""
        line = self._lines.current()
        counts = line.state.take_counts()
        checked = self._intake.parcels(conversations, counts)
        parcels = [item for item in checked if isinstance(item, Parcel)]
        # Counted before the first await: a call that is cancelled there has counted as well.
        line.state.note_skipped(sum(parcel.skipped for parcel in parcels))
        line.state.count_refused(len(checked) - len(parcels), Counter() if parcels else counts)
        for batch in in_batches(parcels):
            await line.publisher.send(batch)
        return [PublishResult.of(item) for item in checked]

    async def context(
        self,
        user_id: str,
        *,
        agent_id: str | None = None,
        session_id: str | None = None,
        query: str | None = None,
        limit: int = DEFAULT_LIMIT,
        token_budget: int = DEFAULT_TOKEN_BUDGET,
        scopes: Sequence[Scope | str] | None = None,
        language: str | None = None,
        shares: ScopeShares | None = None,
        always: bool | int = 0,
        explain: bool = False,
        time_zone: str | None = None,
        timeout: float = CONTEXT_SECONDS,
    ) -> Context:
        """The memories for the next prompt; see `MemoryClient.context`."""
        about = {"user_id": user_id, "agent_id": agent_id, "session_id": session_id, "query": query}
        how = {"limit": limit, "token_budget": token_budget, "scopes": scopes, "language": language}
        kept = {"shares": shares, "always": always, "explain": explain, "time_zone": time_zone}
        try:
            call = self._intake.context_call({**about, **how, **kept})
        except InvalidInput as error:
            self._intake.refuse(error)
            return Context(degraded=("invalid",))
        return await self._lines.recall(call, timeout)

    @asynccontextmanager
    async def remembered(
        self,
        *,
        user_id: str,
        messages: Sequence[GivenMessage],
        agent_id: str | None = None,
        session_id: str | None = None,
        run_id: str | None = None,
        event_id: str | None = None,
        system_prompt: str = "",
        metadata: Metadata | None = None,
        timeout: float = CONTEXT_SECONDS,
        **recall: Unpack[ContextOptions],
    ) -> AsyncIterator[AsyncRun]:
        """A run of an agent, also one that is cancelled; see `MemoryClient.remembered`."""
        owner = {"user_id": user_id, "agent_id": agent_id, "session_id": session_id}
        about = {"run_id": run_id, "event_id": event_id, "metadata": metadata, "time_zone": recall.get("time_zone")}
        opening = self._intake.opening(messages, system_prompt, {**owner, **about})
        context = await self.context(
            user_id, agent_id=agent_id, session_id=session_id, query=opening.query, timeout=timeout, **recall
        )
        run = AsyncRun(opening, context)
        # Assumed until the run has ended well: a cancellation interrupts it, too.
        interrupted = True
        try:
            yield run
            interrupted = False
        finally:
            await self._publish_run(run.outcome(interrupted=interrupted))

    # Loaded when they are asked for: an agent's process asks for none of these.

    @property
    def agents(self) -> AsyncAgents:
        """The registry of agents: list, get, set."""
        from afterword.producers.aio.agents import AsyncAgents

        return AsyncAgents(self._intake.tenant_id, self._lines.ask)

    @property
    def policies(self) -> AsyncPolicies:
        """How long what is remembered is kept: list, show, set, run."""
        from afterword.producers.aio.policies import AsyncPolicies

        return AsyncPolicies(self._intake.tenant_id, self._lines.ask)

    @property
    def users(self) -> AsyncUsers:
        """Wishes and rights of users as persons: set, get, export, import_memories, erase, erasure, verify_erased."""
        from afterword.producers.aio.users import AsyncUsers

        return AsyncUsers(self._intake.tenant_id, self._lines.ask)

    @property
    def keys(self) -> AsyncKeys:
        """API keys of the gateway: create, list, revoke, check."""
        from afterword.producers.aio.keys import AsyncKeys

        return AsyncKeys(self._intake.tenant_id, self._lines.ask)

    @property
    def dead_letters(self) -> AsyncDeadLetterBox:
        """Messages that were given up on: list, get, replay, drop."""
        from afterword.producers.aio.dead_letters import AsyncDeadLetterBox

        return AsyncDeadLetterBox(self._intake.tenant_id, self._lines.ask)

    async def conversation(
        self, event_id: str, *, user_id: str, by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> ConversationState:
        """How far a published conversation has come; see `MemoryClient.conversation`."""
        fields = {"event_id": event_id, "user_id": user_id, "by": by}
        call = command_call(self._intake.tenant_id, GetConversation, fields)
        return await self._lines.ask(call, timeout)

    async def wait_for(
        self, event_id: str, *, user_id: str, until: Stage = "searchable", timeout: float = WAIT_SECONDS
    ) -> ConversationState:
        """For tests: wait until a conversation has come so far; see `MemoryClient.wait_for`."""
        patience = Patience(event_id, until, timeout)
        while True:
            try:
                state = await self.conversation(event_id, user_id=user_id, timeout=patience.left)
                if patience.is_satisfied(state):
                    return state
            except (CommandFailed, MemoryUnavailable) as error:
                patience.forgive(error)
            await asyncio.sleep(patience.pause())

    async def check(self, timeout: float = COMMAND_SECONDS) -> ServiceCheck:
        """Whether Redis and the workers answer, and how each component is; see `MemoryClient.check`."""
        from afterword.producers.service_check import ServiceCheck, health_call

        try:
            return ServiceCheck.of(await self._lines.ask(health_call(self._intake.tenant_id), timeout))
        except AfterwordError as error:
            return ServiceCheck.failed(error)

    @property
    def stats(self) -> Stats:
        """How publishing fares, now."""
        return self._lines.stats()

    async def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the outbox is empty; False when it is not after `timeout` seconds."""
        return await self._lines.current().publisher.flush(timeout)

    async def close(self, timeout: float = 5.0) -> None:
        """Flush, then hang up; see `MemoryClient.close`."""
        if not self._shared:
            await self._lines.current().publisher.close(timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _publish_run(self, event: ConversationFinished | None) -> None:
        """Publish what a run said. An agent that has answered is not stopped by what cannot be published."""
        if event is None:
            return
        try:
            await self.publish(event)
        except INVALID as error:
            self._intake.log_refusal(error)
