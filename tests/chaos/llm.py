"""An LLM that fails a fifth of its calls in every way, hangs, and forgets the key."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

from afterword.workers.embedded.authored import new_messages
from afterword.workers.embedded.completions import CHAT, HttpReply, HttpRequest, Messages, completion, error
from tests.chaos.expected import facts_of
from tests.chaos.story import POISON
from tests.support import openai_faults as faults
from tests.support.fake_openai import Fact, FakeOpenAI, memory

FAILING = 0.2
_SLOW_SECONDS = 1.5
_MANY = 10_000
_USUAL_SECONDS = 0.5
"""Long enough that a worker that is struck is often just waiting for an answer."""
_WAYS: dict[str, HttpReply | None] = {
    "429 with Retry-After": faults.rate_limited("1"),
    "429": error(429, "rate_limit_exceeded", "slow down"),
    "500": faults.server_error(500),
    "dropped": faults.Dropped(),
    "truncated": faults.truncated(),
    "refusal": faults.refusal(),
    "not JSON": faults.not_json(),
    "wrong shape": faults.wrong_shape(),
    "200,000 braces": faults.says("{" * 200_000),
    "thinking alone": faults.says('<think>The user said much. A draft: {"memory": [{"text": "A draft"}]}'),
    "slow": None,
    "10,000 facts": None,
}
"""None where it is answered all the same."""


@dataclass(frozen=True)
class Call:
    """A call that came: when (seconds since the epoch), and the new messages it asked about."""

    at: float
    asked: tuple[str, ...]


class UnreliableLlm(FakeOpenAI):
    """Answers with the facts of each new turn. While it hangs nobody is answered; while revoked all get 401.

    `calls` are those so far, and `ways` how often it failed in which way.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(_answer)
        self.calls: list[Call] = []
        self.ways: Counter[str] = Counter()
        self.revoked = False
        self.calm = False
        self._chance = random.Random(seed)
        self._answering = threading.Event()
        self._answering.set()

    def hang(self, seconds: float) -> None:
        """Answer nobody for so long."""
        self._answering.clear()
        time.sleep(seconds)
        self._answering.set()

    def reply(self, request: HttpRequest) -> HttpReply:
        if request.path != CHAT:
            return super().reply(request)
        asked = tuple(str(message["content"]) for message in new_messages(request.messages))
        self.calls.append(Call(time.time(), asked))
        time.sleep(_USUAL_SECONDS)
        self._answering.wait()
        if self.revoked:
            self.ways["401"] += 1
            return faults.unauthorised()
        if any(POISON in content for content in asked):
            return faults.not_json()
        return self._failure(request) or self._by_default(request)

    def _failure(self, request: HttpRequest) -> HttpReply | None:
        if self.calm or self._chance.random() >= FAILING:
            return None
        way = self._chance.choice(sorted(_WAYS))
        self.ways[way] += 1
        if way == "slow":
            time.sleep(_SLOW_SECONDS)
        if way == "10,000 facts":
            return completion(_many_times(_answer(request.messages)), model=faults.MODEL, messages=request.messages)
        return _WAYS[way]

    def _by_default(self, request: HttpRequest) -> HttpReply:
        # Not FakeOpenAI's: it keeps every request, and a prompt is large.
        return super(FakeOpenAI, self).reply(request)


def _answer(prompt: Messages) -> str:
    return memory(
        [
            Fact(fact.text, fact.scope, fact.attributed_to, message["n"])
            for message in new_messages(prompt)
            for fact in facts_of(message["role"], message["content"])
        ]
    )


def _many_times(answer: str) -> str:
    """The facts of an answer again and again, with items between them that are none."""
    facts = json.loads(answer)["memory"]
    some = [*facts, None, 5, {}, ""] if facts else []
    return json.dumps({"memory": (some * _MANY)[:_MANY]}, ensure_ascii=False)
