"""The users who leave: they are erased while everything is struck, and some of them come back as somebody new."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import TypeVar

from afterword.producers import MemoryClient
from afterword.schemas import AfterwordError, ConversationFinished
from afterword.schemas.conversation import Message
from afterword.schemas.erasures import ErasureState, Residue
from tests.chaos.story import LEAVER

_ANSWER_SECONDS = 3.0
_PATIENCE = 90.0
"""The worker of commands and every store are killed meanwhile."""
_RETURNING = 0.6
_SCAN_SECONDS = 60.0
_MARK = re.compile(r"\b[mr]\d{6}\b")

_T = TypeVar("_T")


@dataclass
class Leavers:
    """Erases users by chance, and remembers what was answered. One thread at a time.

    `erasures` are the ids that were answered, and `returned` the conversations that Redis has of those who came back.
    """

    redis_url: str
    users: int
    chance: random.Random
    erasures: list[str] = field(default_factory=list)
    returned: list[ConversationFinished] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def erase_one(self) -> None:
        """Erase a user; the next moment they may be back. Raises: AssertionError, where nobody answers for long."""
        user = f"{LEAVER}{self.chance.randrange(self.users):02d}"
        with self._client() as client:
            asked = _answered(lambda: client.users.erase(user, timeout=_ANSWER_SECONDS))
            self.erasures.append(asked.erasure_id)
            if self.chance.random() < _RETURNING:
                self._come_back(client, user)

    def states(self) -> list[ErasureState]:
        """How far each erasure is."""
        with self._client() as client:
            return [_answered(partial(client.users.erasure, each)) for each in dict.fromkeys(self.erasures)]

    def scan(self, user: str) -> Residue:
        """Look for what is left of a user."""
        with self._client() as client:
            return _answered(lambda: client.users.verify_erased(user, timeout=_SCAN_SECONDS))

    def _come_back(self, client: MemoryClient, user: str) -> None:
        number = next(self._numbers)
        said = f"r{number:06d} was said of the harbour"
        event = ConversationFinished(
            event_id=f"returned-{number}",
            occurred_at=datetime.now(UTC),
            user_id=user,
            agent_id="agent-0",
            messages=(Message(role="user", content=said),),
        )
        client.publish(event)
        deadline = time.monotonic() + _PATIENCE
        while not client.flush(1):
            assert time.monotonic() < deadline, "Redis took no conversation of somebody who came back"
        self.returned.append(event)

    @contextmanager
    def _client(self) -> Iterator[MemoryClient]:
        with MemoryClient(self.redis_url) as client:
            yield client


def _answered(ask: Callable[[], _T]) -> _T:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except AfterwordError as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"no answer about an erasure: {type(error).__name__}: {error}") from None
            time.sleep(0.2)


def marks_of(events: Iterable[ConversationFinished]) -> set[str]:
    """The marks of all that is said in events: each turn of a story has its own."""
    return {mark for event in events for each in event.messages for mark in _MARK.findall(str(each.content))}


def marks_in(text: str) -> set[str]:
    """The marks that a text holds."""
    return set(_MARK.findall(text))
