"""Conversations to measure with: as long as real ones, no two alike, and the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from afterword.workers.embedded import demo_data

TURNS = 6
_BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Samples:
    """Makes sentences of the words in the demo's English conversations, so that they are as common as in speech."""

    def __init__(self, seed: int = 1) -> None:
        texts = (message.text for event in demo_data.conversations() for message in event.messages)
        self._words = [word for text in texts if text.isascii() for word in text.split()]
        self._random = random.Random(seed)

    def sentence(self, words: int) -> str:
        """A sentence that was never said: every tenth word is a new one."""
        chosen = self._random.choices(self._words, k=words)
        for position in range(0, words, 10):
            chosen[position] = f"{chosen[position]}{self._random.randrange(100_000)}"
        return " ".join(chosen)

    def messages(self) -> list[dict[str, Any]]:
        """Six turns of user and assistant, in turn, of 8 to 30 words each."""
        return [
            {"role": ("user", "assistant")[turn % 2], "content": self.sentence(self._random.randint(8, 30))}
            for turn in range(TURNS)
        ]

    def conversations(self, count: int, *, users: int) -> Iterator[dict[str, Any]]:
        """Fields of events, of `users` users in turn; each is a session of its own."""
        for number in range(count):
            yield {
                "user_id": f"user-{number % users}",
                "agent_id": f"agent-{number % 5}",
                "session_id": f"session-{number}",
                "occurred_at": _BEGIN + timedelta(minutes=number),
                "messages": self.messages(),
            }
