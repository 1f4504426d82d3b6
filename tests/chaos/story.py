"""The story told under fire: conversations made from a seed, every turn of them unmistakable."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from afterword.schemas import ConversationFinished
from afterword.schemas.conversation import Message

POISON = "POISON"
"""A conversation with this word in it cannot be extracted."""
FOR_NOW = "[for now]"
"""A turn with this holds a fact of its session."""
TIP = "[tip"
"""A turn with this holds a fact of the agent, one of a few: several users' conversations hold the same."""
NOTED = "[noted]"
"""A turn with this holds a fact of the agent that no other turn holds."""
LEAVER = "leaving-"
"""Users whose ids begin so are erased under way. What they say is theirs alone: nobody else says it too."""

_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
_POISON_EVERY = 100
_WINDOW = 6
_TIPS = 3
_LEAVING = 0.1


@dataclass(frozen=True)
class Story:
    """Events in the order they are published, and the ids of those that are poison."""

    events: tuple[ConversationFinished, ...]
    poison: frozenset[str]


def tell(seed: int, *, conversations: int, subjects: int, agents: int, leavers: int = 0) -> Story:
    """So many conversations: single ones, threads, and threads of which every run publishes the last turns again."""
    teller = _Teller(random.Random(seed), subjects, agents, leavers)
    events: list[ConversationFinished] = []
    poison: set[str] = set()
    every = min(conversations // 2, _POISON_EVERY)
    while len(events) < conversations:
        if len(events) > every * len(poison) + every // 2:
            events.extend(teller.poison())
            poison.add(events[-1].event_id)
        events.extend(teller.next())
    kept = tuple(events[:conversations])
    return Story(kept, frozenset(poison))


@dataclass
class _Teller:
    chance: random.Random
    subjects: int
    agents: int
    leavers: int
    _events: Iterator[int] = field(default_factory=count)
    _turns: Iterator[int] = field(default_factory=count)

    def next(self) -> list[ConversationFinished]:
        if self.leavers and self.chance.random() < _LEAVING:
            return self._leaver()
        return self.chance.choice([self._single, self._thread, self._windows])()

    def poison(self) -> list[ConversationFinished]:
        at = self._moment()
        said = Message(role="user", content=f"m{next(self._turns):06d} {POISON}")
        return [self._event(self._user(), at, [said], None)]

    def _single(self) -> list[ConversationFinished]:
        """Without a session; its turns have the time of the event."""
        turns = [self._turn(number) for number in range(self.chance.randint(1, 4))]
        return [self._event(self._user(), self._moment(), turns, None)]

    def _thread(self) -> list[ConversationFinished]:
        at = self._moment()
        turns = [self._turn(number, at, known=True) for number in range(self.chance.randint(2, 5))]
        return [self._event(self._user(), at, turns, f"thread-{turns[0].id}")]

    def _leaver(self) -> list[ConversationFinished]:
        at = self._moment()
        # No tips: an agent would lose with one user what others told it as well.
        turns = [self._turn(number, at, known=True, tips=False) for number in range(self.chance.randint(2, 5))]
        user = f"{LEAVER}{self.chance.randrange(self.leavers):02d}"
        return [self._event(user, at, turns, f"thread-{turns[0].id}")]

    def _windows(self) -> list[ConversationFinished]:
        """A thread whose every run publishes its last turns; the last run twice, under another id."""
        at, user, agent, known = self._moment(), self._user(), self._agent(), self.chance.random() < 0.7
        turns = [self._turn(number, at, known=known) for number in range(2 * self.chance.randint(2, 5))]
        ends = [*range(2, len(turns) + 1, 2), len(turns)]
        session = f"thread-{turns[0].text[:7]}"
        return [
            self._event(user, at + timedelta(minutes=end), turns[max(end - _WINDOW, 0) : end], session, agent)
            for end in ends
        ]

    def _turn(self, number: int, begun: datetime | None = None, *, known: bool = False, tips: bool = True) -> Message:
        mark = f"m{next(self._turns):06d}"
        by_user = number % 2 == 0
        told = (
            self.chance.choice(["", "", FOR_NOW])
            if by_user
            else self.chance.choice(["", NOTED, self._tip() if tips else ""])
        )
        return Message(
            role="user" if by_user else "assistant",
            content=f"{mark} was said of the harbour {told}".strip(),
            id=mark if known else None,
            created_at=begun + timedelta(minutes=number) if begun else None,
        )

    def _tip(self) -> str:
        return f"{TIP} {self.chance.randrange(_TIPS)}]"

    def _event(
        self, user: str, at: datetime, turns: list[Message], session: str | None, agent: str | None = None
    ) -> ConversationFinished:
        return ConversationFinished(
            event_id=f"event-{next(self._events):05d}",
            occurred_at=at,
            user_id=user,
            agent_id=agent or self._agent(),
            session_id=session,
            messages=(Message(role="system", content="Be kind."), *turns),
        )

    def _user(self) -> str:
        return f"user-{self.chance.randrange(self.subjects):03d}"

    def _agent(self) -> str:
        return f"agent-{self.chance.randrange(self.agents)}"

    def _moment(self) -> datetime:
        return _BEGIN + timedelta(seconds=self.chance.randrange(90 * 86_400))
