"""A plan of the load: decided before anything is, so that a slow system is asked as often as a quick one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ops.bench.samples import Samples

_QUESTION_WORDS = 12


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` acts a second for `seconds`, at random moments; the share `contexts` (0 to 1) of them are questions."""

    rate: float = 50.0
    seconds: float = 30.0
    contexts: float = 0.8
    users: int = 100
    agents: int = 5
    sessions: int = 3
    """Of each user."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Act:
    """A question (`query`), or a conversation to publish (`messages`), `at` seconds after the begin."""

    at: float
    user_id: str
    agent_id: str
    session_id: str
    query: str | None = None
    messages: tuple[dict[str, Any], ...] = ()


def planned(load: Load) -> Iterator[Act]:
    """The acts in order. They arrive as of many agents that know nothing of each other: gaps are exponential.

    The same load gives the same acts.
    """
    chance, samples = random.Random(load.seed), Samples(load.seed)
    at = chance.expovariate(load.rate)
    while at < load.seconds:
        user, session = chance.randrange(load.users), chance.randrange(load.sessions)
        names = (f"user-{user}", f"agent-{chance.randrange(load.agents)}", f"session-{user}-{session}")
        if chance.random() < load.contexts:
            yield Act(at, *names, query=samples.sentence(_QUESTION_WORDS))
        else:
            yield Act(at, *names, messages=tuple(samples.messages()))
        at += chance.expovariate(load.rate)
