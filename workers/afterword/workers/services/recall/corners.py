"""Corners: parts of the memory, each searched by itself, and the listing that one gives for a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afterword.schemas import ContextRequest, Kind, Scope
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.queries import Filter, Match

DEPTH = 40
"""Memories that each signal may propose for a corner, unless the request wants more. The development part of
`make bench-recall` shows the loss with fewer."""

Scored = tuple[str, float]
"""An id with its raw score."""


@dataclass(frozen=True, slots=True)
class Corner:
    """A part of the memory: an owner, and which of their memories. `verbatim`: it holds the excerpts.

    Each signal may propose `depth` of its memories. `corpus` is how many memories the owner has; it is given when
    filters narrow the corner, whose own number says nothing about that then.
    """

    scope: Scope
    owner: Owner
    where: Filter
    verbatim: bool = False
    depth: int = DEPTH
    corpus: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The memories of one corner that each signal found for a question, best first, at most `depth` each.

    `dense` is None when there was no vector. `corpus` is how many memories the rarity of words was counted over; None:
    over those of the corner, as far as they are all here.
    """

    dense: Sequence[Scored] | None
    lexical: Sequence[Scored]
    depth: int
    corpus: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all memories of the corner are in the dense list."""
        return self.dense is not None and len(self.dense) < self.depth

    @property
    def counted_over(self) -> int | None:
        """The number of memories over which the rarity of words was counted; None if it is not known."""
        if self.dense is None:
            return None
        return len(self.dense) if self.corpus is None and self.is_whole else self.corpus


def corners_of(request: ContextRequest, shared_by: Sequence[str] = ()) -> list[Corner]:
    """The corners that a request asks for: learned memories of each of its scopes, and the user's excerpts. To what its
    agent has learned for itself belongs what the agents `shared_by` have.
    """
    learned = Filter((Match(collection.KIND, (Kind.FACT.value, Kind.NOTE.value)),))
    user = UserOwner(request.tenant_id, request.user_id)
    # Twice the limit, since some of what is found repeats something better and is left out.
    depth = max(DEPTH, 2 * request.limit)
    found: list[Corner] = []
    if Scope.USER in request.scopes:
        of_user = learned.narrowed(Match(collection.SCOPE, (Scope.USER.value,)))
        found.append(Corner(Scope.USER, user, of_user, depth=depth))
        excerpts = Filter((Match(collection.KIND, (Kind.EXCERPT.value,)),))
        found.append(Corner(Scope.USER, user, excerpts, verbatim=True, depth=depth))
    if Scope.AGENT in request.scopes and request.agent_id:
        owners = (AgentOwner(request.tenant_id, agent_id) for agent_id in (request.agent_id, *shared_by))
        found += [Corner(Scope.AGENT, owner, learned, depth=depth) for owner in owners]
    if Scope.SESSION in request.scopes and request.session_id:
        session = SessionOwner(request.tenant_id, request.user_id, request.session_id)
        of_session = learned.narrowed(Match(collection.SCOPE, (Scope.SESSION.value,)))
        found.append(Corner(Scope.SESSION, session, of_session, depth=depth))
    return found
