"""A batch: the turns that one LLM call is asked about. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from afterword.schemas import Scope
from afterword.workers.core.origin import Origin
from afterword.workers.core.turns import Turn
from afterword.workers.stores.ledger.extraction.journal import Slice
from afterword.workers.stores.ledger.ingest.conversations import Conversation


@dataclass(frozen=True, slots=True)
class Line:
    """A turn in a batch, with where it comes from."""

    turn: Turn
    conversation: Conversation

    @property
    def thread(self) -> str:
        return self.conversation.thread


@dataclass(frozen=True, slots=True)
class Batch:
    """The new lines of a subject, the turns said just before them, and of its registered agents what they are told to
    remember, and those of whose scopes not all are learned.
    """

    tenant_id: str
    user_id: str
    lines: tuple[Line, ...]
    slices: tuple[Slice, ...]
    earlier: tuple[Turn, ...] = ()
    instructions: dict[str, str] = field(default_factory=dict)
    scopes: dict[str, tuple[Scope, ...]] = field(default_factory=dict)

    @property
    def observed_at(self) -> datetime:
        """When the last of its turns was said."""
        return self.lines[-1].turn.at

    def origin(self, batch_id: str | None = None) -> Origin:
        """Whose it is; its agent, session and event where all of its lines share one."""
        conversations = [line.conversation for line in self.lines]
        return Origin(
            tenant_id=self.tenant_id,
            user_id=self.user_id,
            agent_id=_shared(each.agent_id for each in conversations),
            session_id=_shared(each.session_id for each in conversations),
            event_id=_shared(each.event_id for each in conversations),
            batch_id=batch_id,
        )

    def learns(self, scope: Scope, line: Line) -> bool:
        """Whether the agent of this line is to learn facts of this scope."""
        return scope in self.scopes.get(line.conversation.agent_id or "", tuple(Scope))

    def owner(self, scope: Scope, line: Line) -> str:
        """The id that a fact of this scope belongs to, learned from this line."""
        if scope is Scope.AGENT and line.conversation.agent_id:
            return line.conversation.agent_id
        if scope is Scope.SESSION and line.conversation.session_id:
            return line.conversation.session_id
        return self.user_id


def _shared(ids: Iterable[str | None]) -> str | None:
    """The one id that all have, if it is one."""
    different = set(ids)
    return different.pop() if len(different) == 1 else None


def take(
    conversations: Sequence[Conversation], *, tokens: int, most: int | None = None
) -> tuple[tuple[Line, ...], tuple[Slice, ...]]:
    """The lines, in order, that fit into `tokens`, at most `most` of them, and the slices they come from.

    There is at least one line if any turn waits. A conversation that is too long for one batch goes on in the next.
    """
    lines: list[Line] = []
    slices: list[Slice] = []
    filled = 0
    for conversation in conversations:
        first = conversation.extracted_turns
        taken = 0
        for turn in conversation.turns[first:]:
            # The first turn is taken however long it is: else it would wait for ever.
            if lines and (filled + turn.tokens > tokens or len(lines) == most):
                break
            filled += turn.tokens
            taken += 1
            if turn.text:  # else it was deleted before it was extracted
                lines.append(Line(turn, conversation))
        # Deleted turns count as taken, so that the next batch begins behind them.
        slices.append(Slice(conversation.id, conversation.event_id, first, first + taken))
        if first + taken < len(conversation.turns):
            break
    return tuple(lines), tuple(part for part in slices if part.last > part.first)


def lines_of(conversations: Sequence[Conversation], slices: Sequence[Slice]) -> tuple[Line, ...]:
    """The lines that slices name, as `take` gave them."""
    found = {conversation.id: conversation for conversation in conversations}
    return tuple(
        Line(turn, found[part.conversation_id])
        for part in slices
        if part.conversation_id in found
        for turn in found[part.conversation_id].turns[part.first : part.last]
        if turn.text
    )
