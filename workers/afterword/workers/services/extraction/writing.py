"""Writing the facts of a journalled batch: with their final ids, once, each to its owner.

The ids are in the journal before anything is written, so that a worker that resumes a batch writes the same memories
again, not others beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from afterword.schemas import Kind, Scope
from afterword.workers.core.errors import WritesMissing
from afterword.workers.models.embedders.port import Vector
from afterword.workers.services.extraction import repetition
from afterword.workers.services.extraction.batch import Batch
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.policies import SessionLifetimes
from afterword.workers.stores.ledger import locks
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory, text_hash
from afterword.workers.stores.vectors.queries import Filter, Ids, Match, TimeRange
from afterword.workers.stores.vectors.views import MemoryView, Views


@dataclass(frozen=True, slots=True)
class Stored:
    """A journalled fact, and the memory that it is now."""

    fact: Fact
    memory: StoredMemory


class FactWriter:
    """Writes facts through a view of their owners, and puts them on the books."""

    def __init__(
        self, *, database: Database, views: Views, topics: Topics, books: Books, lifetimes: SessionLifetimes
    ) -> None:
        self._database = database
        self._views = views
        self._topics = topics
        self._books = books
        self._lifetimes = lifetimes

    def write(self, entry: Entry, vectors: Mapping[str, Vector | None]) -> None:
        """Insert the facts that are not duplicates of what their owner already has; one whose vector is None is
        found by its words alone.

        Writers of one agent's memory take turns: two users' batches may hold the same fact.

        Raises: VectorStoreUnavailable, LedgerUnavailable, EmbeddingFailed; WritesMissing, when a fact has no vector.
        """
        view = _view(self._views, entry)
        # Before the turn, which holds a connection: this needs one of its own.
        lifetimes = self._session_lifetimes(entry)
        with self._turn(entry):
            wanted = self._without_duplicates(view, entry)
            missing = [fact.id for fact in wanted if fact.text not in vectors]
            if missing:
                raise WritesMissing(f"{len(missing)} of {len(wanted)} facts have no vector")
            facts = [(_memory(entry, fact, lifetimes), vectors[fact.text]) for fact in wanted]
            view.insert(self._topics.labelled(facts))

    def stored(self, entry: Entry) -> tuple[list[Stored], int]:
        """The facts that are in the store, with their memories, and how many were duplicates.

        Raises: WritesMissing, when a fact is neither.
        """
        view = _view(self._views, entry)
        found = {memory.id: memory for memory in view.get([fact.id for fact in entry.facts])}
        written = [Stored(fact, found[fact.id]) for fact in entry.facts if fact.id in found]
        if len(written) == len(entry.facts):
            return written, 0
        expected = {fact.id for fact in self._without_duplicates(view, entry)}
        missing = expected - found.keys()
        if missing:
            raise WritesMissing(f"{len(missing)} of {len(expected)} facts are not in the vector store")
        return written, len(entry.facts) - len(written)

    def note_saved(self, connection: Connection, batch: Batch, entry: Entry, written: Sequence[Stored]) -> None:
        """Put written facts on the books, with the labels of the conversations that they are from."""
        labels = {line.conversation.event_id: line.conversation.metadata for line in batch.lines}
        records = [
            replace(
                self._books.record_of(
                    each.memory, labels.get(each.fact.event_id, {}), source="conversation", agent_id=each.fact.agent_id
                ),
                batch_id=entry.batch_id,
                model=entry.model,
                prompt_version=entry.prompt_version,
            )
            for each in written
        ]
        self._books.note_saved(connection, records)

    def count_again(self, connection: Connection, entry: Entry, written: Sequence[Fact]) -> None:
        """Count, in the transaction of the batch, what was not written since its owner has it: it matters the more.

        Raises: VectorStoreUnavailable.
        """
        ids = {fact.id for fact in written}
        again = [(owner_of(entry, fact), fact) for fact in entry.facts if fact.id not in ids]
        if again:
            repetition.count(connection, _view(self._views, entry), entry, again)

    def take_back(self, entry: Entry) -> int:
        """Remove the facts of a batch that must not be; how many there were. Raises: VectorStoreUnavailable."""
        return take_back(self._views, entry)

    @contextmanager
    def _turn(self, entry: Entry) -> Iterator[None]:
        agents = {fact.agent_id for fact in entry.facts if fact.scope is Scope.AGENT and fact.agent_id}
        if not agents:
            yield
            return
        with self._database.transaction() as connection:
            locks.serialise(connection, (locks.of_agent(entry.tenant_id, agent) for agent in agents))
            yield

    def _without_duplicates(self, view: MemoryView, entry: Entry) -> list[Fact]:
        own = Ids(tuple(fact.id for fact in entry.facts))
        wanted: list[Fact] = []
        for owner, scope, facts in _by_owner(entry):
            of_scope = (Match(collection.SCOPE, (scope.value,)), Match(collection.KIND, (Kind.FACT.value,)))
            # One whose lifetime has ended is about to be swept away.
            there = Filter(of_scope, must_not=(own, TimeRange(collection.EXPIRES_AT, until=datetime.now(UTC))))
            known = view.existing_hashes(owner, (text_hash(fact.text) for fact in facts), there)
            wanted.extend(fact for fact in facts if text_hash(fact.text) not in known)
        return wanted

    def _session_lifetimes(self, entry: Entry) -> dict[str | None, timedelta | None]:
        """How long facts of a session live, by the agent that they were told to."""
        agents = {fact.agent_id for fact in entry.facts if fact.scope is Scope.SESSION}
        return {agent: self._lifetimes.of(entry.tenant_id, entry.user_id, agent) for agent in agents}


def take_back(views: Views, entry: Entry) -> int:
    """Remove the facts of a batch; how many there were. Raises: VectorStoreUnavailable."""
    return _view(views, entry).delete([fact.id for fact in entry.facts]) if entry.facts else 0


def _view(views: Views, entry: Entry) -> MemoryView:
    owners = {owner_of(entry, fact) for fact in entry.facts}
    return views.of(*(owners or {UserOwner(entry.tenant_id, entry.user_id)}))


def owner_of(entry: Entry, fact: Fact) -> Owner:
    """Whose memory a fact is."""
    if fact.scope is Scope.AGENT and fact.agent_id:
        return AgentOwner(entry.tenant_id, fact.agent_id)
    if fact.scope is Scope.SESSION and fact.session_id:
        return SessionOwner(entry.tenant_id, entry.user_id, fact.session_id)
    return UserOwner(entry.tenant_id, entry.user_id)


def _memory(entry: Entry, fact: Fact, lifetimes: Mapping[str | None, timedelta | None]) -> StoredMemory:
    now = datetime.now(UTC)
    lifetime = lifetimes[fact.agent_id] if fact.scope is Scope.SESSION else None
    return StoredMemory(
        id=fact.id,
        text=fact.text,
        scope=fact.scope,
        kind=Kind.FACT,
        tenant_id=entry.tenant_id,
        # An agent's memory carries no user, a user's no agent: mem0 would find it by either.
        user_id=None if fact.scope is Scope.AGENT else entry.user_id,
        agent_id=fact.agent_id if fact.scope is Scope.AGENT else None,
        session_id=fact.session_id if fact.scope is Scope.SESSION else None,
        event_id=fact.event_id,
        message=fact.message,
        message_id=fact.message_id,
        attributed_to=fact.attributed_to,
        importance=importance(fact.text, Kind.FACT, fact.attributed_to),
        occurred_at=fact.occurred_at,
        created_at=now,
        expires_at=now + lifetime if lifetime else None,
        linked_memory_ids=fact.linked_memory_ids,
    )


def _by_owner(entry: Entry) -> Iterable[tuple[Owner, Scope, Sequence[Fact]]]:
    groups: dict[tuple[Owner, Scope], list[Fact]] = {}
    for fact in entry.facts:
        groups.setdefault((owner_of(entry, fact), fact.scope), []).append(fact)
    return [(owner, scope, facts) for (owner, scope), facts in groups.items()]
