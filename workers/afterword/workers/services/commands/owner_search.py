"""Searches all memories of one owner by a text, as a context request would, but without a floor of relevance."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate, takewhile

from pydantic import BaseModel

from afterword.schemas import Scope
from afterword.schemas.commands import MAX_RANKED
from afterword.workers.core.errors import Late, VectorStoreUnavailable
from afterword.workers.services.recall.askers_clock import NEWEST, clock_of
from afterword.workers.services.recall.corners import Corner
from afterword.workers.services.recall.finding.finder import Findings, MemoryFinder
from afterword.workers.services.recall.question.parsing import ParsedQuestion, parse_question
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner
from afterword.workers.stores.vectors.paging import PAGE_BYTES
from afterword.workers.stores.vectors.queries import Filter
from afterword.workers.stores.vectors.views import Views


def fitting(items: Iterable[BaseModel], most: int = PAGE_BYTES) -> int:
    """How many of these fit into one answer; one at least."""
    sizes = accumulate(len(item.model_dump_json().encode()) for item in items)
    return max(sum(1 for _ in takewhile(lambda size: size <= most, sizes)), 1)


class OwnerSearch:
    """Ranks an owner's memories by a text. However irrelevant one is, it is found: its score says so."""

    def __init__(self, finder: MemoryFinder, views: Views) -> None:
        self._finder = finder
        self._views = views

    def find(self, owner: Owner, where: Filter, text: str, within: float | None) -> Findings:
        """At most `MAX_RANKED` memories that match `where`, best first, `within` so many seconds.

        Raises: VectorStoreUnavailable, also when the store is too slow.
        """
        now = datetime.now(UTC)
        corner = Corner(_scope(owner), owner, where, depth=MAX_RANKED, corpus=self._corpus(owner, where))
        deadline = Deadline.within(within)
        try:
            return self._finder.find([corner], self._parsed(owner, text, now), deadline, now=now, most=MAX_RANKED)
        except Late:
            raise VectorStoreUnavailable("the vector store did not answer in time") from None

    def _parsed(self, owner: Owner, text: str, now: datetime) -> ParsedQuestion:
        """The question, by the clock of the owner's newest memories where it names a time."""
        asked = parse_question(text, now)
        if asked.period is None:
            return asked
        clock = clock_of(self._views.of(owner).page(owner, limit=NEWEST).memories)
        return parse_question(text, now.astimezone(clock)) if clock else asked

    def _corpus(self, owner: Owner, where: Filter) -> int | None:
        """How many memories the owner has, where filters narrow them: a filter changes no memory's relevance."""
        return self._views.of(owner).count(owner) if where.must else None


def _scope(owner: Owner) -> Scope:
    match owner:
        case AgentOwner():
            return Scope.AGENT
        case SessionOwner():
            return Scope.SESSION
        case _:
            return Scope.USER
