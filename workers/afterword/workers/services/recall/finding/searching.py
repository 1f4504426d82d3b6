"""Searching: all corners of the memory in one batched request, and each by itself when that one is too slow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from afterword.schemas import ContextRequest, Kind, Scope
from afterword.workers.core.errors import Late
from afterword.workers.models.embedders.port import Vector
from afterword.workers.services.recall.deadline import Deadline
from afterword.workers.services.recall.finding.neighbours import neighbours
from afterword.workers.services.recall.question.question import Question
from afterword.workers.services.recall.ranking.evidence import Listing
from afterword.workers.services.recall.steps import Steps
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import Dense, Either, Filter, Lexical, Match, Newest, Signal, VectorStore
from afterword.workers.stores.vectors.views import (
    AgentOwner,
    MemoryView,
    Owner,
    ScopedSearch,
    SessionOwner,
    UserOwner,
)

logger = logging.getLogger(__name__)

DEPTH = 40
"""Memories that each signal may propose for each corner, unless more are wanted of it."""

_TOGETHER = 0.5
"""The part of the time left that the one request for all corners may take, before each is asked by itself."""

_EACH = 0.8
"""The part of what is then left that scopes asked by themselves may take."""

_READING = 0.8
"""The part of the time left that reading what was found may take; without it, the ledger needs some."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Corner:
    """A part of the memories that is searched by itself: an owner, and which of theirs; `verbatim`: the excerpts.

    Each signal may propose `depth` memories of it. `corpus` is how many memories the owner has, where filters leave so
    few in the corner that these do not tell it.
    """

    scope: Scope
    owner: Owner
    where: Filter
    verbatim: bool = False
    depth: int = DEPTH
    corpus: int | None = None


@dataclass(frozen=True, slots=True)
class Searched:
    """What the corners hold for a question, and the scopes that did not answer in time."""

    listings: tuple[Listing, ...]
    missing: tuple[Scope, ...] = ()


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest memories of the corners, and the scopes that did not answer in time."""

    memories: tuple[StoredMemory, ...]
    missing: tuple[Scope, ...] = ()


def corners_of(request: ContextRequest) -> list[Corner]:
    """What is searched: learned memories of each scope asked for, and the user's excerpts."""
    learned = Filter((Match(collection.KIND, (Kind.FACT.value, Kind.NOTE.value)),))
    user = UserOwner(request.tenant_id, request.user_id)
    depth = max(DEPTH, 2 * request.limit)
    found: list[Corner] = []
    if Scope.USER in request.scopes:
        of_user = learned.narrowed(Match(collection.SCOPE, (Scope.USER.value,)))
        found.append(Corner(Scope.USER, user, of_user, depth=depth))
        excerpts = Filter((Match(collection.KIND, (Kind.EXCERPT.value,)),))
        found.append(Corner(Scope.USER, user, excerpts, verbatim=True, depth=depth))
    if Scope.AGENT in request.scopes and request.agent_id:
        found.append(Corner(Scope.AGENT, AgentOwner(request.tenant_id, request.agent_id), learned, depth=depth))
    if Scope.SESSION in request.scopes and request.session_id:
        session = SessionOwner(request.tenant_id, request.user_id, request.session_id)
        of_session = learned.narrowed(Match(collection.SCOPE, (Scope.SESSION.value,)))
        found.append(Corner(Scope.SESSION, session, of_session, depth=depth))
    return found


class Searching:
    """Asks the store through views bound to the corners' owners."""

    def __init__(self, store: VectorStore, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    def by_question(
        self, corners: Sequence[Corner], question: Question, vector: Vector | None, deadline: Deadline
    ) -> Searched:
        """What each corner holds for the question. Raises: VectorStoreUnavailable; Late, when no corner answered."""
        signals: list[Signal] = [] if vector is None else [Dense(vector)]
        signals.append(Lexical(question.lexical))

        def ask(some: Sequence[Corner]) -> list[Listing]:
            merged = _merged(some)
            return _listings(self.view(merged), merged, signals)

        return Searched(*self._asked(corners, ask, deadline))

    def newest(self, corners: Sequence[Corner], limit: int, deadline: Deadline) -> Latest:
        """The newest of each corner. Raises: VectorStoreUnavailable; Late, when no corner answered."""

        def ask(some: Sequence[Corner]) -> list[StoredMemory]:
            searches = [ScopedSearch(corner.owner, Newest(), limit, corner.where) for corner in some]
            return [found.memory for hits in self.view(some).search(searches) for found in hits]

        return Latest(*self._asked(corners, ask, deadline))

    def around(
        self, corners: Sequence[Corner], matched: Sequence[StoredMemory], deadline: Deadline
    ) -> list[StoredMemory]:
        """What completes the best among these: turns, and linked memories. Raises: VectorStoreUnavailable, Late."""
        view = self.view(corners)
        return self._steps.run(lambda: neighbours(view, corners, matched), deadline.share(_READING))

    def fetch(self, corners: Sequence[Corner], ids: Sequence[str], deadline: Deadline) -> list[StoredMemory]:
        """The corners' memories of these ids. Raises: VectorStoreUnavailable, Late."""
        return self._steps.run(lambda: self.view(corners).get(ids), deadline.share(_READING)) if ids else []

    def _asked(
        self, corners: Sequence[Corner], ask: Callable[[Sequence[Corner]], list[_T]], deadline: Deadline
    ) -> tuple[tuple[_T, ...], tuple[Scope, ...]]:
        """What the corners answer, and the scopes that do not answer in time."""
        try:
            return tuple(self._steps.run(lambda: ask(corners), deadline.share(_TOGETHER))), ()
        except Late:
            return self._each_by_itself(corners, ask, deadline)

    def _each_by_itself(
        self, corners: Sequence[Corner], ask: Callable[[Sequence[Corner]], list[_T]], deadline: Deadline
    ) -> tuple[tuple[_T, ...], tuple[Scope, ...]]:
        scopes = list(dict.fromkeys(corner.scope for corner in corners))
        asked = [partial(ask, [corner for corner in corners if corner.scope is scope]) for scope in scopes]
        answers = dict(zip(scopes, self._steps.run_all(asked, deadline.share(_EACH)), strict=True))
        found = {scope: answer.result() for scope, answer in answers.items() if _succeeded(answer)}
        if not found:
            raise Late("no scope answered in time")
        missing = tuple(scope for scope in scopes if scope not in found)
        logger.warning("context without the scopes %s: the vector store was too slow", ", ".join(missing))
        return tuple(each for answered in found.values() for each in answered), missing

    def view(self, corners: Sequence[Corner]) -> MemoryView:
        """The corners' owners and nobody else."""
        return MemoryView(self._store, tuple(dict.fromkeys(corner.owner for corner in corners)))


def _merged(corners: Sequence[Corner]) -> list[Corner]:
    """The corners with what was learned of a user and of their session in one: each search costs the store a good part
    of a millisecond. Excerpts stay by themselves, since they are many.
    """
    learned = [corner for corner in corners if not corner.verbatim and _user_of(corner) is not None]
    users = {_user_of(corner) for corner in learned}
    if len(learned) < 2 or len(users) > 1:
        return list(corners)
    both = Filter((Either(tuple(_within(corner) for corner in learned)),))
    merged = replace(learned[0], owner=_user_of(learned[0]) or learned[0].owner, where=both)
    return [merged, *(corner for corner in corners if corner not in learned)]


def _user_of(corner: Corner) -> UserOwner | None:
    if isinstance(corner.owner, AgentOwner):
        return None
    return UserOwner(corner.owner.tenant_id, corner.owner.user_id)


def _within(corner: Corner) -> Filter:
    """What of a user's memories is in the corner."""
    if isinstance(corner.owner, SessionOwner):
        return corner.where.narrowed(Match(collection.SESSION, (corner.owner.session_id,)))
    return corner.where


def _succeeded(answer: Future[list[_T]]) -> bool:
    return answer.done() and not answer.cancelled() and answer.exception() is None


def _listings(view: MemoryView, corners: Sequence[Corner], signals: Sequence[Signal]) -> list[Listing]:
    searches = [
        ScopedSearch(corner.owner, signal, corner.depth, corner.where) for corner in corners for signal in signals
    ]
    answers = view.scores(searches)
    step = len(signals)
    return [
        Listing(answers[place] if step == 2 else None, answers[place + step - 1], corner.depth, corner.corpus)
        for place, corner in zip(range(0, len(answers), step), corners, strict=True)
    ]
