"""The cost of learning from conversations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """Processor time in seconds, calls to the LLM and prompt tokens, of `conversations`."""

    conversations: int
    cpu_seconds: float
    calls: int
    prompt_tokens: int
