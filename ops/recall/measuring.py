"""Asking every question of every system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.views import Views
from ops.recall.corpus import Conversation, Question
from ops.recall.memories import Embedded, MemoryKinds, owner_of, turns_by_memory
from ops.recall.scoring import Outcome, judged
from ops.recall.systems import Asking, System

_ASKED_AFTER = timedelta(days=1)
"""After a conversation's last session."""

Memories = Mapping[str, Sequence[Embedded]]
"""By conversation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A system's answer to a question; `relevance` is its own score of the best memory, None when it found none."""

    conversation: str
    question: Question
    outcome: Outcome
    relevance: float | None


@dataclass(frozen=True, slots=True)
class Library:
    """Conversations and what is remembered of them. `turns`, by conversation: the turn that each of its memories comes
    from, by the memory's id.
    """

    conversations: tuple[Conversation, ...]
    turns: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, conversations: Sequence[Conversation], memories: Memories) -> Library:
        """The library of these memories."""
        turns = {name: turns_by_memory(memory for memory, _ in some) for name, some in memories.items()}
        return cls(tuple(conversations), turns)

    @property
    def memories(self) -> int:
        """How many there are."""
        return sum(len(turns) for turns in self.turns.values())

    @property
    def most(self) -> int:
        """How many one conversation has at most."""
        return max(len(turns) for turns in self.turns.values())

    def answers(self, system: System) -> list[Answer]:
        """All questions, in the order of the conversations. Raises: EmbeddingFailed, VectorStoreUnavailable."""
        return [
            self._answer(system, conversation, question)
            for conversation in self.conversations
            for question in conversation.questions
        ]

    def _answer(self, system: System, conversation: Conversation, question: Question) -> Answer:
        asking = Asking(owner_of(conversation.id), question.text, conversation.sessions[-1].at + _ASKED_AFTER)
        turns = self.turns[conversation.id]
        recalled = system.recall(asking)
        outcome = judged(
            question,
            conversation.language,
            ranked=[turns[each.memory_id] for each in recalled.ranked],
            injected=[turns[memory_id] for memory_id in recalled.injected],
        )
        best = recalled.ranked[0].relevance if recalled.ranked else None
        return Answer(conversation.id, question, outcome, best)


def of_kinds(memories: Memories, kinds: MemoryKinds) -> Memories:
    """Those of these kinds."""
    return {name: [each for each in some if kinds.includes(each[0].kind)] for name, some in memories.items()}


def stock(store: VectorStore, memories: Memories) -> None:
    """Write the memories into a store that is open. Raises: VectorStoreUnavailable."""
    for name, some in memories.items():
        Views(store).of(owner_of(name)).insert(some)
