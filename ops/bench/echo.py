"""The least that a question and its answer over Redis can cost: a process that answers whatever is asked.

`python -m ops.bench.echo URL`. A question names the list for its answer, and how long the answer is to take: Redis and
the asker sleep meanwhile, and a machine takes its time to wake them.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import redis

QUESTIONS = "echo:questions"


def ask(client: redis.Redis, seconds: float = 0.0) -> None:
    """One round: push a question, wait for its answer, which takes `seconds` of work."""
    reply_to = f"echo:reply:{uuid.uuid4().hex}"
    with client.pipeline(transaction=False) as pipe:
        pipe.rpush(QUESTIONS, f"{reply_to} {seconds:.6f}")
        pipe.blpop([reply_to], 10)
        pipe.execute()


class Loop:
    """A probe: rounds whose answer takes as long as `works` says. `seconds` holds the rest of each."""

    def __init__(self, client: redis.Redis, works: Callable[[], float] = lambda: 0.0) -> None:
        self.seconds: list[float] = []
        self._client = client
        self._works = works

    def __call__(self) -> None:
        works = self._works()
        started = time.perf_counter()
        ask(self._client, works)
        self.seconds.append(time.perf_counter() - started - works)

    def forget(self) -> None:
        self.seconds.clear()


def answer_all(client: redis.Redis) -> None:
    """Answer until the process ends."""
    while True:
        found: Any = client.blpop([QUESTIONS], 1)
        if found is not None:
            reply_to, seconds = found[1].decode().split()
            _work(float(seconds))
            client.rpush(reply_to, b"answer")


def _work(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


if __name__ == "__main__":
    answer_all(redis.Redis.from_url(sys.argv[1], protocol=2))
