"""The client of an agent runner that lives on an event loop."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import redis
from pydantic import BaseModel

from afterword.producers.aio.analytics import AsyncAnalytics
from afterword.producers.aio.lines import Lines
from afterword.producers.aio.memories import AsyncMemories
from afterword.producers.calls import Call, ContextOptions, ScopeShares
from afterword.producers.context import CONTEXT_SECONDS, Context, away, unanswered, unavailable
from afterword.producers.farewell import send_rest
from afterword.producers.intake import INVALID, Intake, PublishResult, in_batches
from afterword.producers.links import Links
from afterword.producers.memories import COMMAND_SECONDS
from afterword.producers.outbox import Parcel
from afterword.producers.parcels import GivenConversation
from afterword.producers.process import at_exit, in_child
from afterword.producers.publish_state import PublishState
from afterword.producers.respite import Respite, paused
from afterword.producers.runs import AsyncRun, GivenMessage
from afterword.producers.settings import DEFAULT_REDIS_URL, ClientSettings, Environment
from afterword.producers.stats import Stats
from afterword.schemas.context import DEFAULT_LIMIT, DEFAULT_TOKEN_BUDGET, ContextReply
from afterword.schemas.conversation import ConversationFinished
from afterword.schemas.errors import AfterwordError, InvalidInput
from afterword.schemas.values import DEFAULT_TENANT, Metadata, Scope

if TYPE_CHECKING:
    from afterword.producers.aio.agents import AsyncAgents
    from afterword.producers.aio.dead_letters import AsyncDeadLetterBox
    from afterword.producers.aio.keys import AsyncKeys
    from afterword.producers.service_check import ServiceCheck

A = TypeVar("A", bound=BaseModel)


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
        self._redis_url = redis_url
        self._settings = settings or ClientSettings()
        self._clock = clock
        self._intake = Intake(tenant_id, self._settings)
        self._open()
        # A forked child shares its parent's sockets: it opens its own.
        in_child(self, AsyncMemoryClient._open)
        self.memories = AsyncMemories(self._intake.tenant_id, self._ask)
        """List, search, get, add, delete and clear memories."""
        self.analytics = AsyncAnalytics(self._intake.tenant_id, self._ask)
        """Figures of usage."""

    def _open(self) -> None:
        self._respite = Respite()
        # Also refuses a malformed URL now, and not at the first call.
        user = Links(self._redis_url).user
        self._lines = Lines(
            self._redis_url, open_state=lambda: PublishState(self._settings, user=user), clock=self._clock
        )
        # Here, so that a forked child registers as well: what a parent registered acts in the parent only.
        at_exit(self, AsyncMemoryClient._exit)

    def _exit(self) -> None:
        deadline = time.monotonic() + self._settings.exit_seconds
        for state in self._lines.states():
            # No event loop runs any more: blocking sockets send what is left.
            send_rest(Links(self._redis_url), state, max(deadline - time.monotonic(), 0))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client as the environment says; see `MemoryClient.from_env`. Raises: InvalidInput."""
        found = Environment.read(os.environ if environ is None else environ)
        return cls(found.redis_url, tenant_id=found.tenant_id, settings=found.settings)

    async def publish(self, conversation: GivenConversation | None = None, /, **fields: Any) -> str | None:
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
        return await self._recall(call, timeout)

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

    # Loaded when they are first asked for: agents, which most clients serve, ask for none of these.

    @cached_property
    def agents(self) -> AsyncAgents:
        """The registry of agents: list, get, set."""
        from afterword.producers.aio.agents import AsyncAgents

        return AsyncAgents(self._intake.tenant_id, self._ask)

    @cached_property
    def keys(self) -> AsyncKeys:
        """API keys of the gateway: create, list, revoke, check."""
        from afterword.producers.aio.keys import AsyncKeys

        return AsyncKeys(self._intake.tenant_id, self._ask)

    @cached_property
    def dead_letters(self) -> AsyncDeadLetterBox:
        """What was given up on: list, get, replay, drop."""
        from afterword.producers.aio.dead_letters import AsyncDeadLetterBox

        return AsyncDeadLetterBox(self._intake.tenant_id, self._ask)

    async def check(self, timeout: float = COMMAND_SECONDS) -> ServiceCheck:
        """Whether Redis and the workers answer, and how each component is; see `MemoryClient.check`."""
        from afterword.producers.service_check import ServiceCheck, health_call

        try:
            return ServiceCheck.of(await self._lines.current().asker.ask(health_call(self._intake.tenant_id), timeout))
        except (AfterwordError, redis.RedisError) as error:
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

    async def _recall(self, call: Call[ContextReply], timeout: float) -> Context:
        started = time.monotonic()
        line = self._lines.current()
        # A prompt does not wait for a Redis that failed a moment ago: the background task tries it.
        if line.state.failing:
            return unanswered(away(), self._settings.on_unavailable)
        if not self._respite.may_ask(timeout):
            return unanswered(paused(), self._settings.on_unavailable)
        try:
            reply = await line.asker.ask(call, timeout)
        except (AfterwordError, redis.RedisError) as error:
            self._respite.note_failure(error, started)
            if isinstance(error, redis.ConnectionError | redis.TimeoutError):
                line.publisher.note_failure(error)
            return unanswered(error, self._settings.on_unavailable)
        self._respite.note_answer()
        return Context.of(reply, (time.monotonic() - started) * 1000)

    async def _ask(self, call: Call[A], timeout: float) -> A:
        try:
            return await self._lines.current().asker.ask(call, timeout)
        except redis.RedisError as error:
            raise unavailable(error) from error
