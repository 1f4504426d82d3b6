"""The tokens that a call to an LLM took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call, as the provider told them. `cached` is the part of `prompt` that the provider had cached."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def of_one_call(self) -> Tokens:
        """The same, within what one call can take: some providers report negative or absurd numbers.

        >>> Tokens(prompt=-5, cached=7, completion=10**30).of_one_call()
        Tokens(prompt=0, cached=0, completion=1000000000)
        """
        prompt = _bounded(self.prompt)
        return Tokens(prompt, min(_bounded(self.cached), prompt), _bounded(self.completion))


_MOST = 1_000_000_000
"""No model reads as many at once, and an integer of PostgreSQL holds it."""


def _bounded(number: int) -> int:
    return max(0, min(number, _MOST))
