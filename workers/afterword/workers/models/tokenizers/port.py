"""The tokenizer port, and the tokenizer that needs no vocabulary."""

from __future__ import annotations

from typing import Protocol

from afterword.workers.text.tokens import estimate


class Tokenizer(Protocol):
    """Thread-safe."""

    def count(self, text: str) -> int:
        """Tokens of the text by itself, without any that a model puts around it; 0 for ""."""


class EstimatingTokenizer:
    """The estimate of `text.tokens`, which rounds up for the common models."""

    def count(self, text: str) -> int:
        return estimate(text)
