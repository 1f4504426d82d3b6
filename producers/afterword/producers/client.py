"""The client of an agent runner: publish conversations, ask for memories."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from afterword.producers.analytics import Analytics
from afterword.producers.calls import ContextOptions, ScopeShares, command_call
from afterword.producers.context import CONTEXT_SECONDS, Context
from afterword.producers.intake import INVALID, Intake, PublishResult, in_batches
from afterword.producers.line import SharedLine
from afterword.producers.memories import Memories
from afterword.producers.outbox import Parcel
from afterword.producers.parcels import ConversationFields, GivenConversation
from afterword.producers.runs import GivenMessage, Run
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
    from afterword.producers.agents import Agents
    from afterword.producers.dead_letters import DeadLetterBox
    from afterword.producers.keys import Keys
    from afterword.producers.policies import Policies
    from afterword.producers.service_check import ServiceCheck
    from afterword.producers.users import Users


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
        self._settings = settings or ClientSettings()
        self._line = SharedLine(redis_url, self._settings, clock)
        self._shared = False
        self._speak_for(tenant_id)

    def _speak_for(self, tenant_id: str) -> None:
        self._intake = Intake(tenant_id, self._settings)
        # The line's `ask`, not a method of this client: no cycle keeps a client that nobody holds any more.
        self.memories = Memories(self._intake.tenant_id, self._line.ask)
        """List, search, get, add, delete and clear memories."""
        self.analytics = Analytics(self._intake.tenant_id, self._line.ask)
        """Figures of usage."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client as the environment says: `AFTERWORD_REDIS_URL`, `AFTERWORD_TENANT_ID`, and `AFTERWORD_` with
        the name of any of `ClientSettings`, such as `AFTERWORD_OUTBOX_MESSAGES`.

        Raises:
            InvalidInput: names the variable, what it held, and the mend.
        """
        found = Environment.read(os.environ if environ is None else environ)
        return cls(found.redis_url, tenant_id=found.tenant_id, settings=found.settings)

    def for_tenant(self, tenant_id: str) -> Self:
        """A client of another tenant over the same connections, outbox, stats and pauses.

        It costs no connection and no thread, and nothing of it stays once it is let go: make one for each request, or
        keep it. Closing it closes nothing; what waits is sent by the client that it was made of.

        >>> client.for_tenant("acme").publish(user_id="maya", messages=messages)  # doctest: +SKIP

        Raises:
            InvalidInput: the tenant is no id.
        """
        other = copy(self)
        other._shared = True
        other._speak_for(tenant_id)
        return other

    def publish(
        self, conversation: GivenConversation | None = None, /, **fields: Unpack[ConversationFields]
    ) -> str | None:
        """Publish a finished conversation and return its event id, in one round trip.

        Give a `ConversationFinished`, a mapping of its fields, or the fields themselves. Never waits longer than
        250 ms: where Redis is away the event waits in the outbox, and is sent later in the order of publishing.

        Raises:
            InvalidInput, UnsupportedVersion: it breaks the contract. With `on_invalid="log"` it is logged instead,
                and None returned.
        """
        # Taken first, since the event tells them; an event that is refused gives them back.
        counts = self._line.publisher.take_counts()
        try:
            parcel = self._intake.parcel(conversation, fields, counts)
        except INVALID as error:
            self._line.publisher.count_refused(1, counts)
            self._intake.refuse(error)
            return None
        self._line.publisher.note_skipped(parcel.skipped)
        self._line.publisher.send([parcel])
        return parcel.event_id

    def publish_many(self, conversations: Iterable[GivenConversation]) -> list[PublishResult]:
        """Publish many, some hundred in a round trip; one result for each, in order. Invalid ones do not raise."""
        counts = self._line.publisher.take_counts()
        checked = self._intake.parcels(conversations, counts)
        parcels = [item for item in checked if isinstance(item, Parcel)]
        for batch in in_batches(parcels):
            self._line.publisher.send(batch)
        self._line.publisher.note_skipped(sum(parcel.skipped for parcel in parcels))
        # Where no event was valid, none tells the counts, and they are given back.
        self._line.publisher.count_refused(len(checked) - len(parcels), Counter() if parcels else counts)
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
        return self._line.recall(call, timeout)

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

    # Loaded when they are asked for: an agent's process asks for none of these.

    @property
    def agents(self) -> Agents:
        """The registry of agents: list, get, set."""
        from afterword.producers.agents import Agents

        return Agents(self._intake.tenant_id, self._line.ask)

    @property
    def policies(self) -> Policies:
        """How long what is remembered is kept: list, show, set, run."""
        from afterword.producers.policies import Policies

        return Policies(self._intake.tenant_id, self._line.ask)

    @property
    def users(self) -> Users:
        """Wishes and rights of users as persons: set, get, export, import_memories, erase, erasure, verify_erased."""
        from afterword.producers.users import Users

        return Users(self._intake.tenant_id, self._line.ask)

    @property
    def keys(self) -> Keys:
        """API keys of the gateway: create, list, revoke, check."""
        from afterword.producers.keys import Keys

        return Keys(self._intake.tenant_id, self._line.ask)

    @property
    def dead_letters(self) -> DeadLetterBox:
        """Messages that were given up on: list, get, replay, drop."""
        from afterword.producers.dead_letters import DeadLetterBox

        return DeadLetterBox(self._intake.tenant_id, self._line.ask)

    def conversation(
        self, event_id: str, *, user_id: str, by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> ConversationState:
        """How far a published conversation has come: taken in, its words to be recalled, its facts extracted.

        Raises:
            InvalidInput: an argument breaks the contract.
            MemoryUnavailable: no answer.
            CommandFailed: the answer is an error: `not_found`, while no worker has taken it in.
        """
        fields = {"event_id": event_id, "user_id": user_id, "by": by}
        call = command_call(self._intake.tenant_id, GetConversation, fields)
        return self._line.ask(call, timeout)

    def wait_for(
        self, event_id: str, *, user_id: str, until: Stage = "searchable", timeout: float = WAIT_SECONDS
    ) -> ConversationState:
        """For tests: wait until what was said can be recalled, or until the conversation is `finished`, facts and all.

        >>> event_id = client.publish(user_id="maya", messages=messages)  # doctest: +SKIP
        >>> client.wait_for(event_id, user_id="maya")  # doctest: +SKIP

        Raises:
            MemoryUnavailable: it has not come so far after `timeout` seconds; says how far it has.
            InvalidInput, CommandFailed: as `conversation` does; what was not taken in yet is waited for.
        """
        patience = Patience(event_id, until, timeout)
        while True:
            try:
                state = self.conversation(event_id, user_id=user_id, timeout=patience.left)
                if patience.is_satisfied(state):
                    return state
            except (CommandFailed, MemoryUnavailable) as error:
                patience.forgive(error)
            time.sleep(patience.pause())

    def check(self, timeout: float = COMMAND_SECONDS) -> ServiceCheck:
        """Whether Redis and the workers answer, and how each component is. Never raises; waits at most `timeout`."""
        from afterword.producers.service_check import ServiceCheck, health_call

        try:
            return ServiceCheck.of(self._line.ask(health_call(self._intake.tenant_id), timeout))
        except AfterwordError as error:
            return ServiceCheck.failed(error)

    @property
    def stats(self) -> Stats:
        """How publishing fares, now."""
        return self._line.publisher.stats()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the outbox is empty; False when it is not after `timeout` seconds."""
        return self._line.publisher.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Flush, then hang up. What could not be sent within `timeout` seconds is dropped, counted and logged.

        A client that is used again after it was closed connects again. A client made by `for_tenant` closes nothing.
        """
        if not self._shared:
            self._line.publisher.close(timeout)

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
