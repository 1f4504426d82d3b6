"""An LLM that counts what is asked of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from afterword.workers.models.llms.port import Completion, Llm, Prompt
from ops.eval.scoring import Count


@dataclass(frozen=True, slots=True)
class Cost(Count):
    """The use made of the LLM: calls, tokens (`cached` is a part of `prompt`), seconds of waiting for it."""

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    seconds: float = 0.0


class CountingLlm:
    """Another LLM, with a bill. For one thread."""

    def __init__(self, inner: Llm) -> None:
        self._inner = inner
        self._spent = Cost()

    @property
    def model(self) -> str:
        return self._inner.model

    def complete_json(self, prompt: Sequence[Prompt]) -> Completion:
        """See the port. A call that fails is counted, its tokens are unknown."""
        started = time.perf_counter()
        try:
            completion = self._inner.complete_json(prompt)
        finally:
            self._spent += Cost(calls=1, seconds=time.perf_counter() - started)
        tokens = completion.tokens
        self._spent += Cost(prompt=tokens.prompt, cached=tokens.cached, completion=tokens.completion)
        return completion

    def bill(self) -> Cost:
        """The cost since the last bill."""
        spent, self._spent = self._spent, Cost()
        return spent
