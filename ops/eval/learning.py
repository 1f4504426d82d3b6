"""The common parts of both sides of the comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from afterword.schemas import ConversationFinished
from afterword.workers.services.ingest.rules import Debounce
from ops.eval.counting import Cost
from ops.eval.scoring import Found


@dataclass(frozen=True, slots=True)
class Learned:
    """The facts of a burst, what they cost, and the calls that gave no usable answer."""

    facts: tuple[Found, ...]
    cost: Cost
    failures: tuple[str, ...] = ()


class Learner(Protocol):
    """One way to learn from conversations. It remembers what it learned from the bursts before."""

    name: str

    def learn(self, burst: Sequence[ConversationFinished]) -> Learned:
        """Learn from conversations that are extracted together.

        Raises: LlmRefused, EmbeddingFailed, VectorStoreUnavailable: there is no use in going on.
        """


def bursts(events: Iterable[ConversationFinished], debounce: Debounce) -> list[list[ConversationFinished]]:
    """The conversations that are due together: of one user, as the debounce says; in the order they took place."""
    found: list[list[ConversationFinished]] = []
    by_user = sorted(events, key=lambda event: (event.tenant_id, event.user_id, event.occurred_at))
    for _, group in groupby(by_user, key=lambda event: (event.tenant_id, event.user_id)):
        found.extend(_of_user(list(group), debounce))
    return sorted(found, key=lambda burst: burst[0].occurred_at)


def _of_user(events: Sequence[ConversationFinished], debounce: Debounce) -> list[list[ConversationFinished]]:
    found = [[events[0]]]
    for event in events[1:]:
        burst = found[-1]
        due_at = debounce.due_at(burst[-1].occurred_at, burst[0].occurred_at, 0)
        if event.occurred_at < due_at:
            burst.append(event)
        else:
            found.append([event])
    return found
