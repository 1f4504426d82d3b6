"""The tokens that a call to an LLM took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call, as the provider told them. `cached` is the part of `prompt` that the provider had cached."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
