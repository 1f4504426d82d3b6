"""Searching an owner's memories by a question and by filters, and finding what goes with one of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from afterword.schemas import (
    FindRelated,
    InvalidEvent,
    RelatedMemories,
    RelatedMemory,
    Relation,
    Scope,
    SearchMemories,
    SearchPage,
)
from afterword.schemas.commands import MAX_RANKED, MAX_RELATED
from afterword.schemas.errors import shortened
from afterword.workers.core.errors import Late, NotFound, VectorStoreUnavailable
from afterword.workers.services.policy.ownership import owner_of
from afterword.workers.services.recall.askers_clock import NEWEST, clock_of
from afterword.workers.services.recall.corners import Corner
from afterword.workers.services.recall.finding.finder import Findings, MemoryFinder
from afterword.workers.services.recall.question.parsing import ParsedQuestion, parse_question
from afterword.workers.services.recall.ranking.scores import RankedMemory
from afterword.workers.services.recall.ranking.shortlist import Shortlist, explained
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Condition, Equals, Filter, Ids, Match, Newest, TimeRange
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch
from afterword.workers.text.topic_words import Topic

_RANKED = b"ranked"
_ID_BYTES = 16


class MemorySearch:
    """Answers `search` and `related`. Nothing is held back for being irrelevant: each score tells how near it is."""

    def __init__(self, finder: MemoryFinder, store: VectorStore) -> None:
        self._finder = finder
        self._store = store

    def search(self, command: SearchMemories, deadline: Deadline) -> SearchPage:
        """A page. Raises: InvalidEvent, for a cursor that no page gave, or no topic; VectorStoreUnavailable."""
        where = _filter(command)
        if command.query and command.query.strip():
            return self._ranked(command, command.query, where, deadline)
        return self._newest(command, where)

    def related(self, command: FindRelated, deadline: Deadline) -> RelatedMemories:
        """At most `limit` memories. Raises: NotFound, VectorStoreUnavailable."""
        owner = owner_of(command)
        view = MemoryView(self._store, (owner,))
        memory = next(iter(view.get([command.memory_id])), None)
        if memory is None:
            raise NotFound("there is no such memory")
        linked = _linked(view, owner, memory)
        found = self._found(owner, Filter(must_not=(Ids((memory.id,)),)), memory.text, deadline)
        related = _related(linked, found.ranked)[: command.limit]
        return RelatedMemories(related=tuple(related), degraded=found.degraded)

    def _newest(self, command: SearchMemories, where: Filter) -> SearchPage:
        owner = owner_of(command)
        view = MemoryView(self._store, (owner,))
        try:
            page = view.page(owner, limit=command.limit, cursor=command.cursor, where=where)
        except ValueError:
            raise _no_cursor(command.cursor) from None
        return SearchPage(memories=tuple(to_memory(memory) for memory in page.memories), next_cursor=page.next_cursor)

    def _ranked(self, command: SearchMemories, query: str, where: Filter, deadline: Deadline) -> SearchPage:
        seen = _seen(command.cursor)
        found = self._found(owner_of(command), where, query, deadline)
        rest = [each for each in found.ranked if each.memory.id not in seen][: MAX_RANKED - len(seen)]
        page = rest[: command.limit]
        given = Shortlist(tuple(each.memory for each in page), {})
        return SearchPage(
            memories=tuple(to_memory(each.memory, round(each.relevance, 4)) for each in page),
            next_cursor=_cursor([*seen, *(each.memory.id for each in page)]) if len(rest) > len(page) else None,
            degraded=found.degraded,
            explanations=explained(page, found.replaced, given, 0.0) if command.explain else (),
        )

    def _found(self, owner: Owner, where: Filter, text: str, deadline: Deadline) -> Findings:
        now = datetime.now(UTC)
        corner = Corner(_scope(owner), owner, where, depth=MAX_RANKED, corpus=self._corpus(owner, where))
        try:
            return self._finder.find([corner], self._parsed(owner, text, now), deadline, now=now, most=MAX_RANKED)
        except Late:
            raise VectorStoreUnavailable("the vector store did not answer in time") from None

    def _parsed(self, owner: Owner, text: str, now: datetime) -> ParsedQuestion:
        """The question, by the clock of the owner's newest memories where it names a time."""
        asked = parse_question(text, now)
        if asked.period is None:
            return asked
        clock = clock_of(MemoryView(self._store, (owner,)).page(owner, limit=NEWEST).memories)
        return parse_question(text, now.astimezone(clock)) if clock else asked

    def _corpus(self, owner: Owner, where: Filter) -> int | None:
        """How many memories the owner has, where filters narrow them: a filter changes no memory's relevance."""
        return MemoryView(self._store, (owner,)).count(owner) if where.must else None


def _filter(command: SearchMemories) -> Filter:
    return Filter(tuple(_conditions(command)))


def _conditions(command: SearchMemories) -> Iterator[Condition]:
    if command.user_id and command.agent_id:
        yield Match(collection.AGENT, (command.agent_id,))
    if command.scope:
        yield Match(collection.SCOPE, (command.scope.value,))
    if command.kind:
        yield Match(collection.KIND, (command.kind.value,))
    if command.since or command.until:
        yield TimeRange(collection.OCCURRED_AT, since=command.since, until=command.until)
    if command.topic:
        if command.topic not in list(Topic):
            raise InvalidEvent("topic", shortened(command.topic), f"must be one of {', '.join(Topic)}")
        yield Match(collection.TOPIC, (command.topic,))
    for name, value in command.metadata.items():
        yield Equals(collection.metadata_field(name), value)


def _scope(owner: Owner) -> Scope:
    match owner:
        case AgentOwner():
            return Scope.AGENT
        case SessionOwner():
            return Scope.SESSION
        case _:
            return Scope.USER


def _linked(view: MemoryView, owner: Owner, memory: StoredMemory) -> list[StoredMemory]:
    """Those it names and those that name it, in one request."""
    named, naming = Ids(memory.linked_memory_ids), Match(collection.LINKED, (memory.id,))
    hits = view.search([ScopedSearch(owner, Newest(), MAX_RELATED, Filter((where,))) for where in (named, naming)])
    found = {each.memory.id: each.memory for those in hits for each in those if each.memory.id != memory.id}
    return list(found.values())


def _related(linked: Sequence[StoredMemory], ranked: Sequence[RankedMemory]) -> list[RelatedMemory]:
    """Linked ones first, each best first; a linked one that is not among the nearest has no score."""
    relevance = {each.memory.id: round(each.relevance, 4) for each in ranked}
    ids = {memory.id for memory in linked}
    by_link = sorted(linked, key=lambda memory: (relevance.get(memory.id, -1.0), memory.occurred_at), reverse=True)
    near = sorted((each for each in ranked if each.memory.id not in ids), key=lambda each: -each.relevance)
    return [
        *(RelatedMemory(memory=to_memory(each, relevance.get(each.id)), relation=Relation.LINKED) for each in by_link),
        *(
            RelatedMemory(memory=to_memory(each.memory, relevance[each.memory.id]), relation=Relation.SIMILAR)
            for each in near
        ),
    ]


def _cursor(seen: Sequence[str]) -> str:
    """The memories that were given: whatever is written or removed meanwhile, none is given twice."""
    return base64.urlsafe_b64encode(_RANKED + b"".join(UUID(each).bytes for each in seen)).decode()


def _seen(cursor: str | None) -> list[str]:
    if cursor is None:
        return []
    try:
        given = base64.urlsafe_b64decode(cursor)
    except ValueError:
        raise _no_cursor(cursor) from None
    ids = given.removeprefix(_RANKED)
    if ids == given or len(ids) % _ID_BYTES or len(ids) > MAX_RANKED * _ID_BYTES:
        raise _no_cursor(cursor)
    return [str(UUID(bytes=ids[start : start + _ID_BYTES])) for start in range(0, len(ids), _ID_BYTES)]


def _no_cursor(cursor: str | None) -> InvalidEvent:
    return InvalidEvent("cursor", shortened(cursor), "pass next_cursor of the page before, of the same search")
