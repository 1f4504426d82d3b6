"""The client of an agent runner: publish conversations, ask for memories."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import redis
from pydantic import BaseModel

from afterword.producers.analytics import Analytics
from afterword.producers.asker import Asker
from afterword.producers.calls import Call, ContextOptions, ScopeShares
from afterword.producers.context import CONTEXT_SECONDS, Context, away, unanswered, unavailable
from afterword.producers.intake import INVALID, Intake, PublishResult, in_batches
from afterword.producers.links import Links
from afterword.producers.memories import COMMAND_SECONDS, Memories
from afterword.producers.outbox import Parcel
from afterword.producers.parcels import GivenConversation
from afterword.producers.process import in_child
from afterword.producers.publisher import Publisher
from afterword.producers.respite import Respite, paused
from afterword.producers.runs import GivenMessage, Run
from afterword.producers.server_time import ServerTime
from afterword.producers.settings import DEFAULT_REDIS_URL, ClientSettings, Environment
from afterword.producers.stats import Stats
from afterword.schemas.context import DEFAULT_LIMIT, DEFAULT_TOKEN_BUDGET, ContextReply
from afterword.schemas.conversation import ConversationFinished
from afterword.schemas.errors import AfterwordError, InvalidInput
from afterword.schemas.values import DEFAULT_TENANT, Metadata, Scope

if TYPE_CHECKING:
    from afterword.producers.agents import Agents
    from afterword.producers.dead_letters import DeadLetterBox
    from afterword.producers.keys import Keys
    from afterword.producers.service_check import ServiceCheck

A = TypeVar("A", bound=BaseModel)


class MemoryClient:
    """Publishes conversations and asks for memories, over Redis. Safe between threads and across forks.

    Nothing is connected before it is needed. `settings` default to `ClientSettings()`. `clock` gives seconds and need
    not agree with any other clock: deadlines are sent in the time of the Redis server.

    Raises:
        InvalidInput: the URL is not one of Redis's, or the tenant is no id.
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
        # A forked child shares its parent's sockets and has none of its threads: it opens its own.
        in_child(self, MemoryClient._open)
        self.memories = Memories(self._intake.tenant_id, self._ask)
        """List, search, get, add, delete and clear memories."""
        self.analytics = Analytics(self._intake.tenant_id, self._ask)
        """Figures of usage."""

    def _open(self) -> None:
        self._links = Links(self._redis_url)
        self._publisher = Publisher(self._links, self._settings)
        self._asker = Asker(self._links, ServerTime(self._clock))
        self._respite = Respite()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client as the environment says: `AFTERWORD_REDIS_URL`, `AFTERWORD_TENANT_ID`, and `AFTERWORD_` with
        the name of any of `ClientSettings`, such as `AFTERWORD_OUTBOX_MESSAGES`.

        Raises:
            InvalidInput: names the variable, what it held, and the mend.
        """
        found = Environment.read(os.environ if environ is None else environ)
        return cls(found.redis_url, tenant_id=found.tenant_id, settings=found.settings)

    def publish(self, conversation: GivenConversation | None = None, /, **fields: Any) -> str | None:
        """Publish a finished conversation and return its event id, in one round trip.

        Give a `ConversationFinished`, a mapping of its fields, or the fields themselves. Never waits longer than
        250 ms: where Redis is away the event waits in the outbox, and is sent later in the order of publishing.

        Raises:
            InvalidInput, UnsupportedVersion: it breaks the contract. With `on_invalid="log"` it is logged instead,
                and None returned.
        """
        # Taken first, since the event tells them; an event that is refused gives them back.
        counts = self._publisher.take_counts()
        try:
            parcel = self._intake.parcel(conversation, fields, counts)
        except INVALID as error:
            self._publisher.count_refused(1, counts)
            self._intake.refuse(error)
            return None
        self._publisher.note_skipped(parcel.skipped)
        self._publisher.send([parcel])
        return parcel.event_id

    def publish_many(self, conversations: Iterable[GivenConversation]) -> list[PublishResult]:
        """Publish many, some hundred in a round trip; one result for each, in order. Invalid ones do not raise."""
        counts = self._publisher.take_counts()
        checked = self._intake.parcels(conversations, counts)
        parcels = [item for item in checked if isinstance(item, Parcel)]
        for batch in in_batches(parcels):
            self._publisher.send(batch)
        self._publisher.note_skipped(sum(parcel.skipped for parcel in parcels))
        # Where no event was valid, none tells the counts, and they are given back.
        self._publisher.count_refused(len(checked) - len(parcels), Counter() if parcels else counts)
        return [PublishResult.of(item) for item in checked]

    def context(
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
        """The memories for the next prompt; `query` is the latest user message. Waits at most `timeout` seconds.

        `shares` balances the scopes: of `{"user": 0.5, "agent": 0.3, "session": 0.2}` each may fill its part of
        `limit` and `token_budget` first, and the best of all take what is left. `always` keeps up to so many facts
        in that say who the user is, whatever the query; True keeps three. With `explain` the context's `explanations`
        say of each memory that was found why it ranks where it does, and of those left out, why. `time_zone` is the
        asker's ("Asia/Shanghai", "+08:00"), for "yesterday" and "last May"; without it the calendar is that of the
        user's newest memories.

        Without an answer the context is empty, and its `degraded` says why. After three questions in a row that no
        worker answered in time, questions get the empty context at once, for 0.1 s at first and 5 s at most; then one
        question tries again.

        Raises:
            InvalidInput: an argument breaks the contract (unless `on_invalid="log"`).
            MemoryUnavailable, CommandFailed: no answer, or an error (only with `on_unavailable="raise"`).
        """
        about = {"user_id": user_id, "agent_id": agent_id, "session_id": session_id, "query": query}
        how = {"limit": limit, "token_budget": token_budget, "scopes": scopes, "language": language}
        kept = {"shares": shares, "always": always, "explain": explain, "time_zone": time_zone}
        try:
            call = self._intake.context_call({**about, **how, **kept})
        except InvalidInput as error:
            self._intake.refuse(error)
            return Context(degraded=("invalid",))
        return self._recall(call, timeout)

    @contextmanager
    def remembered(
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
    ) -> Iterator[Run]:
        """A run of an agent: memories into its prompt before, its conversation published after.

        `messages` are the recent turns, the latest user message among them. Say what the agent answered with
        `run.said`, `run.append` or `run.stream`. A run that fails is published as far as it came, with
        `interrupted: true` in its metadata, and its exception goes on.

        Raises:
            What `publish` and `context` raise, before the run begins.
        """
        owner = {"user_id": user_id, "agent_id": agent_id, "session_id": session_id}
        about = {"run_id": run_id, "event_id": event_id, "metadata": metadata, "time_zone": recall.get("time_zone")}
        opening = self._intake.opening(messages, system_prompt, {**owner, **about})
        context = self.context(
            user_id, agent_id=agent_id, session_id=session_id, query=opening.query, timeout=timeout, **recall
        )
        run = Run(opening, context)
        # Assumed until the run has ended well: Ctrl-C and a closed generator interrupt it, too.
        interrupted = True
        try:
            yield run
            interrupted = False
        finally:
            self._publish_run(run.outcome(interrupted=interrupted))

    # Loaded when they are first asked for: agents, which most clients serve, ask for none of these.

    @cached_property
    def agents(self) -> Agents:
        """The registry of agents: list, get, set."""
        from afterword.producers.agents import Agents

        return Agents(self._intake.tenant_id, self._ask)

    @cached_property
    def keys(self) -> Keys:
        """API keys of the gateway: create, list, revoke, check."""
        from afterword.producers.keys import Keys

        return Keys(self._intake.tenant_id, self._ask)

    @cached_property
    def dead_letters(self) -> DeadLetterBox:
        """What was given up on: list, get, replay, drop."""
        from afterword.producers.dead_letters import DeadLetterBox

        return DeadLetterBox(self._intake.tenant_id, self._ask)

    def check(self, timeout: float = COMMAND_SECONDS) -> ServiceCheck:
        """Whether Redis and the workers answer, and how each component is. Never raises; waits at most `timeout`."""
        from afterword.producers.service_check import ServiceCheck, health_call

        try:
            return ServiceCheck.of(self._asker.ask(health_call(self._intake.tenant_id), timeout))
        except (AfterwordError, redis.RedisError) as error:
            return ServiceCheck.failed(error)

    @property
    def stats(self) -> Stats:
        """How publishing fares, now."""
        return self._publisher.stats()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the outbox is empty; False when it is not after `timeout` seconds."""
        return self._publisher.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Flush, then hang up. What could not be sent within `timeout` seconds is dropped, counted and logged.

        A client that is used again after it was closed connects again.
        """
        self._publisher.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _publish_run(self, event: ConversationFinished | None) -> None:
        """Publish what a run said. An agent that has answered is not stopped by what cannot be published."""
        if event is None:
            return
        try:
            self.publish(event)
        except INVALID as error:
            self._intake.log_refusal(error)

    def _recall(self, call: Call[ContextReply], timeout: float) -> Context:
        started = time.monotonic()
        # A prompt does not wait for a Redis that failed a moment ago: the background thread tries it.
        if not self._publisher.available:
            return unanswered(away(), self._settings.on_unavailable)
        if not self._respite.may_ask(timeout):
            return unanswered(paused(), self._settings.on_unavailable)
        try:
            reply = self._asker.ask(call, timeout)
        except (AfterwordError, redis.RedisError) as error:
            self._respite.note_failure(error, started)
            # A ResponseError is an answer of Redis: publishing goes on.
            if isinstance(error, redis.ConnectionError | redis.TimeoutError):
                self._publisher.note_failure(error)
            return unanswered(error, self._settings.on_unavailable)
        self._respite.note_answer()
        return Context.of(reply, (time.monotonic() - started) * 1000)

    def _ask(self, call: Call[A], timeout: float) -> A:
        try:
            # Without the respite: whoever gives a command waits for its answer, no prompt is held up.
            return self._asker.ask(call, timeout)
        except redis.RedisError as error:
            raise unavailable(error) from error
