"""Asking every question of every system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.views import MemoryView
from ops.recall.corpus import Conversation, Question
from ops.recall.memories import MemoryKinds, memories_of, owner_of, turns_by_memory
from ops.recall.scoring import Outcome, judged
from ops.recall.systems import Asking, System

_ASKED_AFTER = timedelta(days=1)
"""After a conversation's last session."""

Embedded = tuple[StoredMemory, Vector]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system made of a question; `relevance` is its own score of the best memory, None when it found none."""

    conversation: str
    question: Question
    outcome: Outcome
    relevance: float | None


@dataclass(frozen=True, slots=True)
class Library:
    """A store that holds all memories of some conversations. `turns`, by conversation: the turn that each of its
    memories comes from, by the memory's id.
    """

    conversations: tuple[Conversation, ...]
    turns: Mapping[str, Mapping[str, str]]

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
        asking = Asking(owner_of(conversation), question.text, conversation.sessions[-1].at + _ASKED_AFTER)
        turns = self.turns[conversation.id]
        ranked = system.rank(asking)
        outcome = judged(
            question,
            conversation.language,
            ranked=[turns[each.memory_id] for each in ranked],
            injected=[turns[memory_id] for memory_id in system.inject(asking)],
        )
        return Answer(conversation.id, question, outcome, ranked[0].relevance if ranked else None)


def embedded(
    conversations: Iterable[Conversation], kinds: MemoryKinds, embedder: Embedder
) -> dict[str, list[Embedded]]:
    """The memories with their vectors, by conversation. Raises: EmbeddingFailed."""
    found: dict[str, list[Embedded]] = {}
    for conversation in conversations:
        memories = memories_of(conversation, kinds)
        vectors = embedder.embed([memory.text for memory in memories])
        found[conversation.id] = list(zip(memories, vectors, strict=True))
    return found


def stocked(
    store: VectorStore,
    conversations: Sequence[Conversation],
    memories: Mapping[str, Sequence[Embedded]],
    kinds: MemoryKinds,
) -> Library:
    """Write the memories of these kinds into a store that is open and empty. Raises: VectorStoreUnavailable."""
    turns: dict[str, dict[str, str]] = {}
    for conversation in conversations:
        chosen = [each for each in memories[conversation.id] if kinds.includes(each[0].kind)]
        MemoryView(store, (owner_of(conversation),)).insert(chosen)
        turns[conversation.id] = turns_by_memory(memory for memory, _ in chosen)
    return Library(tuple(conversations), turns)
