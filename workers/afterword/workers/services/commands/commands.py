"""Managing memories: list, search, get, add by hand, delete, clear, and the users there are."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

from pydantic import BaseModel
from sqlalchemy import Connection

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    Command,
    DeleteMemory,
    FindRelated,
    GetMemory,
    GetOverview,
    GetUserAnalytics,
    InvalidEvent,
    Kind,
    ListMemories,
    ListUsers,
    Memory,
    MemoryPage,
    Removed,
    Scope,
    SearchMemories,
    UserAnalytics,
    UserCount,
    UserPage,
)
from afterword.schemas.zones import in_zone
from afterword.workers.broker import MendedBroker
from afterword.workers.core import ids
from afterword.workers.core.errors import Denied, NotFound
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.analytics.figures import Figures
from afterword.workers.services.commands import in_flight
from afterword.workers.services.commands.memory_search import MemorySearch
from afterword.workers.services.extraction.writing import take_back
from afterword.workers.services.memories.bookkeeping import Books, memory_save
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.ownership import Owned, Ownership, owner_of
from afterword.workers.services.recall.askers_clock import NEWEST, clock_of
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.ledger import (
    audit,
    conversations,
    dead_letters,
    journal,
    memories,
    sessions,
    subjects,
)
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.journal import Entry
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Condition, Filter, Match
from afterword.workers.stores.vectors.views import MemoryView
from afterword.workers.text.language import detect


class Commands:
    """Runs memory commands for whoever owns the memories."""

    def __init__(
        self,
        database: Database,
        store: VectorStore,
        embedder: Embedder,
        topics: Topics,
        broker: MendedBroker,
        books: Books,
        analytics: Figures,
        search: MemorySearch,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._books = books
        self._analytics = analytics
        self._search = search
        self._ownership = Ownership(database)
        self._broker = broker
        self._store = store
        self._embedder = embedder
        self._topics = topics
        self._metrics = metrics

    def run(self, command: Command, within: float | None = None) -> BaseModel:
        """The answer of a command. One that has to be searched for degrades to be there `within` seconds.

        Raises: Denied, NotFound, InvalidEvent; LedgerUnavailable, VectorStoreUnavailable, MemoryUnavailable,
            EmbeddingFailed.
        """
        match command:
            case ListUsers():
                return self._users(command)
            case GetOverview():
                return self._analytics.overview(command.tenant_id, days=command.days)
            case GetUserAnalytics():
                return self._user_analytics(command)
        self._ownership.check(command)
        match command:
            case ListMemories():
                return self._list(command)
            case SearchMemories():
                return self._search.search(command, Deadline.within(within))
            case FindRelated():
                return self._search.related(command, Deadline.within(within))
            case GetMemory():
                return self._get(command)
            case AddMemory():
                return self._add(command)
            case DeleteMemory():
                return self._delete(command)
            case ClearMemories():
                return self._clear(command)

    def _view(self, command: Owned) -> MemoryView:
        return MemoryView(self._store, (owner_of(command),))

    def _list(self, command: ListMemories) -> MemoryPage:
        wanted: list[Condition] = []
        if command.scope:
            wanted.append(Match(collection.SCOPE, (command.scope.value,)))
        if command.kind:
            wanted.append(Match(collection.KIND, (command.kind.value,)))
        try:
            page = self._view(command).page(
                owner_of(command), limit=command.limit, cursor=command.cursor, where=Filter(tuple(wanted))
            )
        except ValueError:
            raise InvalidEvent("cursor", "a cursor no page gave", "pass next_cursor of the page before") from None
        return MemoryPage(
            memories=tuple(to_memory(memory, None) for memory in page.memories), next_cursor=page.next_cursor
        )

    def _get(self, command: GetMemory) -> Memory:
        found = self._view(command).get([command.memory_id])
        if not found:
            raise NotFound("there is no such memory")
        return to_memory(found[0], None)

    def _add(self, command: AddMemory) -> Memory:
        begun = time.perf_counter()
        view = self._view(command)
        memory = _note(command, clock_of(view.page(owner_of(command), limit=NEWEST).memories))
        added_before = view.get([memory.id])
        if added_before:
            return to_memory(added_before[0], None)
        vector = self._embedder.embed([memory.text])[0]
        [(memory, _)] = self._topics.labelled([(memory, vector)])
        record = self._books.record(memory, command.metadata, source="hand")
        with self._database.transaction() as connection:
            self._lock(connection, command)
            view.insert([(memory, vector)])
            self._books.saved(connection, [record], active=True)
            saved = _saved(command, memory, time.perf_counter() - begun)
            audit.write(
                connection, [saved, _audited(command, "memory_add", memory.id, count=1, scope=memory.scope.value)]
            )
        self._metrics.memories.labels("add", memory.scope, memory.kind).inc()
        return to_memory(memory, None)

    def _delete(self, command: DeleteMemory) -> Removed:
        view = self._view(command)
        found = view.get([command.memory_id])
        if not found:
            raise NotFound("there is no such memory")
        with self._database.transaction() as connection:
            self._lock(connection, command)
            gone = memories.remove(connection, command.tenant_id, [command.memory_id])
            self._books.removed(connection, gone, datetime.now(UTC))
            kind, scope = found[0].kind.value, found[0].scope.value
            audit.write(
                connection,
                [_audited(command, "memory_delete", command.memory_id, count=1, scope=scope, kind=kind)],
            )
            removed = view.delete([command.memory_id])
        self._metrics.memories.labels("delete", found[0].scope, found[0].kind).inc(removed)
        return Removed(removed=removed)

    def _lock(self, connection: Connection, command: Owned) -> None:
        if command.user_id is not None:
            subjects.lock(connection, command.tenant_id, command.user_id)

    def _clear(self, command: ClearMemories) -> Removed:
        """What is queued first, then the ledger: from its commit on, what is in flight takes its own writes back."""
        begun, known = None, 0
        if command.user_id:
            in_flight.drop_conversations(self._broker, command.tenant_id, command.user_id, command.session_id)
            begun, known = self._void(command.tenant_id, command.user_id, command.session_id)
        view = self._view(command)
        counts = view.counts_by_kind(owner_of(command))
        removed = view.delete_all()
        if begun is not None:
            take_back(self._store, begun)
        with self._database.transaction() as connection:
            if command.agent_id is not None:
                gone = memories.clear_agent(connection, command.tenant_id, command.agent_id)
                known = self._books.removed(connection, gone, datetime.now(UTC))
            audit.write(connection, [_audited(command, "memory_clear", None, count=known, stored=removed)])
        self._metrics.count_memories("delete", counts)
        return Removed(removed=removed)

    def _void(self, tenant_id: str, user_id: str, session_id: str | None) -> tuple[Entry | None, int]:
        """Void all work in flight for a subject: the batch that was begun, if there was one, and how many memories
        the ledger knew of.

        What waits of other sessions is extracted anew, at once.
        """
        with self._database.transaction() as connection:
            subject = subjects.lock(connection, tenant_id, user_id)
            begun = journal.read(connection, tenant_id, user_id)
            journal.remove(connection, tenant_id, user_id)
            subjects.raise_generation(connection, tenant_id, user_id)
            conversations.clear(connection, tenant_id, user_id, session_id)
            sessions.clear(connection, tenant_id, user_id, session_id)
            known = self._books.cleared(connection, tenant_id, user_id, session_id)
            if session_id is None:
                dead_letters.clear(connection, tenant_id, user_id)
                return begun, known
            conversations.carry_over(connection, tenant_id, user_id, but=session_id, generation=subject.generation + 1)
            waiting = conversations.waiting(connection, tenant_id, user_id)
            if waiting.last_at is not None:
                subjects.note_pending(connection, subject, due_at=subject.now, tokens=waiting.tokens)
        return begun, known

    def _user_analytics(self, command: GetUserAnalytics) -> UserAnalytics:
        if command.by not in (None, command.user_id):
            raise Denied("these analytics are another user's")
        return self._analytics.user(command.tenant_id, command.user_id, days=command.days)

    def _users(self, command: ListUsers) -> UserPage:
        with self._database.transaction() as connection:
            found = subjects.users(connection, command.tenant_id, after=command.cursor or "", limit=command.limit + 1)
        page = found[: command.limit]
        counts = self._counts(command.tenant_id, page)
        users = tuple(UserCount(user_id=user, memories=counts.get(user, 0)) for user in page)
        return UserPage(users=users, next_cursor=page[-1] if len(found) > command.limit else None)

    def _counts(self, tenant_id: str, users: list[str]) -> dict[str, int]:
        if not users:
            return {}
        view = MemoryView(self._store, tuple(UserOwner(tenant_id, user) for user in users))
        return view.counts()


def _note(command: AddMemory, clock: tzinfo | None) -> StoredMemory:
    now = datetime.now(UTC)
    scope = Scope.AGENT if command.agent_id else Scope.SESSION if command.session_id else Scope.USER
    language = detect(command.text)
    return StoredMemory(
        id=ids.note_id(command.tenant_id, command.user_id, command.agent_id, command.session_id, command.request_id),
        text=command.text,
        scope=scope,
        kind=Kind.NOTE,
        tenant_id=command.tenant_id,
        user_id=command.user_id,
        agent_id=command.agent_id,
        session_id=command.session_id,
        language=language,
        importance=importance(command.text, Kind.NOTE, language=language),
        occurred_at=in_zone(now, clock),
        created_at=now,
        metadata=command.metadata,
    )


def _saved(command: AddMemory, memory: StoredMemory, seconds: float) -> audit.Event:
    return memory_save(
        tenant_id=command.tenant_id,
        user_id=command.user_id,
        agent_id=command.agent_id,
        session_id=command.session_id,
        event_id=None,
        kind=memory.kind,
        saved=1,
        messages=0,
        seconds=seconds,
    )


def _audited(command: Owned, type: audit.Type, memory_id: str | None, *, count: int, **metadata: object) -> audit.Event:
    return audit.Event(
        type=type,
        tenant_id=command.tenant_id,
        user_id=command.user_id,
        agent_id=command.agent_id,
        session_id=command.session_id,
        memory_id=memory_id,
        result_count=count,
        metadata={**metadata, **({"by": command.by} if command.by else {})},
    )
