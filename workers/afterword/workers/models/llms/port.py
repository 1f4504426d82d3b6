"""The LLM port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

from afterword.workers.core.tokens import Tokens


class Prompt(TypedDict):
    """One message of a prompt."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: `text` was not cut off and is not a refusal."""

    text: str
    model: str
    tokens: Tokens


class Llm(Protocol):
    """Thread-safe. Never retries by itself: who calls decides."""

    @property
    def model(self) -> str: ...

    def complete_json(self, prompt: Sequence[Prompt]) -> Completion:
        """Ask for one JSON object.

        Raises:
            LlmUnavailable: the provider's fault; try later.
            LlmRefused: key, quota or model; somebody has to mend the configuration.
            BadAnswer: a refusal, an empty or a truncated answer.
        """
