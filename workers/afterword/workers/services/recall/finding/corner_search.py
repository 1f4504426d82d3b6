"""Searches all corners of the memory in one batched request, and scope by scope when that one is too slow.

The shares of time below are not tuned. Each leaves enough time for the other way that is taken when a step is late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from afterword.schemas import Scope
from afterword.workers.core.errors import Late
from afterword.workers.models.embedders.port import Vector
from afterword.workers.observing.outages import CALM_SECONDS, Outage
from afterword.workers.services.recall.corners import Corner, Listing
from afterword.workers.services.recall.finding.neighbours import neighbours
from afterword.workers.services.recall.question.parsing import ParsedQuestion
from afterword.workers.services.recall.steps import Deadline, Steps
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import AgentOwner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Dense, Either, Filter, Lexical, Match, Newest, Signal
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch, Views

logger = logging.getLogger(__name__)

_TOGETHER = 0.5
"""The part of the time left that the one request for all corners may take, before each scope is asked by itself."""

_EACH = 0.8
"""The part of the time then left that scopes asked by themselves may take."""

_READING = 0.8
"""The part of the time left that reading the found memories may take. Should it fail, the ledger needs the rest."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CornerAnswers(Generic[_T]):
    """Everything that the corners answered, and the scopes that did not answer in time."""

    found: tuple[_T, ...]
    missing: tuple[Scope, ...] = ()


class CornerSearch:
    """Asks for the memories of corners, through views bound to the corners' owners."""

    def __init__(self, *, views: Views, steps: Steps) -> None:
        self._views = views
        self._steps = steps
        self._outage = Outage(logger, gone="contexts lack scopes", back="all scopes answer again", calm=CALM_SECONDS)

    def by_question(
        self, corners: Sequence[Corner], question: ParsedQuestion, vector: Vector | None, deadline: Deadline
    ) -> CornerAnswers[Listing]:
        """A listing for each corner. Raises: VectorStoreUnavailable; Late, when no corner answered."""
        signals: list[Signal] = [] if vector is None else [Dense(vector)]
        signals.append(Lexical(question.lexical))

        def ask(some: Sequence[Corner]) -> list[Listing]:
            merged = _merged(some)
            return _listings(self._view(merged), merged, signals)

        return self._ask(corners, ask, deadline)

    def newest(self, corners: Sequence[Corner], limit: int, deadline: Deadline) -> CornerAnswers[StoredMemory]:
        """The newest of each corner. Raises: VectorStoreUnavailable; Late, when no corner answered."""

        def ask(some: Sequence[Corner]) -> list[StoredMemory]:
            searches = [ScopedSearch(corner.owner, Newest(), limit, corner.where) for corner in some]
            return [found.memory for hits in self._view(some).search(searches) for found in hits]

        return self._ask(corners, ask, deadline)

    def around(
        self, corners: Sequence[Corner], matched: Sequence[StoredMemory], deadline: Deadline
    ) -> list[StoredMemory]:
        """The turns and linked memories that complete the best among these. Raises: VectorStoreUnavailable, Late."""
        view = self._view(corners)
        return self._steps.run(lambda: neighbours(view, corners, matched), deadline.share(_READING))

    def fetch(self, corners: Sequence[Corner], ids: Sequence[str], deadline: Deadline) -> list[StoredMemory]:
        """The corners' memories of these ids. Raises: VectorStoreUnavailable, Late."""
        return self._steps.run(lambda: self._view(corners).get(ids), deadline.share(_READING)) if ids else []

    def _ask(
        self, corners: Sequence[Corner], ask: Callable[[Sequence[Corner]], list[_T]], deadline: Deadline
    ) -> CornerAnswers[_T]:
        try:
            answers = CornerAnswers(tuple(self._steps.run(lambda: ask(corners), deadline.share(_TOGETHER))))
        except Late:
            return self._each_by_itself(corners, ask, deadline)
        self._outage.note(None)
        return answers

    def _each_by_itself(
        self, corners: Sequence[Corner], ask: Callable[[Sequence[Corner]], list[_T]], deadline: Deadline
    ) -> CornerAnswers[_T]:
        scopes = list(dict.fromkeys(corner.scope for corner in corners))
        asked = [partial(ask, [corner for corner in corners if corner.scope is scope]) for scope in scopes]
        answers = dict(zip(scopes, self._steps.run_all(asked, deadline.share(_EACH)), strict=True))
        found = {scope: answer.result() for scope, answer in answers.items() if _succeeded(answer)}
        if not found:
            raise Late("no scope answered in time")
        missing = tuple(scope for scope in scopes if scope not in found)
        if missing:
            self._outage.note(f"the scopes {', '.join(missing)} did not answer in time")
        return CornerAnswers(tuple(each for answered in found.values() for each in answered), missing)

    def _view(self, corners: Sequence[Corner]) -> MemoryView:
        """The corners' owners and nobody else."""
        return self._views.of(*dict.fromkeys(corner.owner for corner in corners))


def _merged(corners: Sequence[Corner]) -> list[Corner]:
    """The corners, with those learned of a user and of their session merged into one: each search costs the store a
    good part of a millisecond. Excerpts stay by themselves, since they are many.
    """
    learned = [corner for corner in corners if not corner.verbatim and _user_of(corner) is not None]
    users = {_user_of(corner) for corner in learned}
    # Corners of several users cannot be merged: their filter would name two owners.
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
    """The filter that finds the corner among all memories of its user."""
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
        # Of a corner's answers the lexical one is the last; without a vector it is the only one.
        Listing(answers[place] if step == 2 else None, answers[place + step - 1], corner.depth, corner.corpus)
        for place, corner in zip(range(0, len(answers), step), corners, strict=True)
    ]
