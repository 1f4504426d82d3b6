"""The tokenizer port."""

from __future__ import annotations

from typing import Protocol


class Tokenizer(Protocol):
    """Thread-safe."""

    def count(self, text: str) -> int:
        """Tokens of the text by itself, without any that a model puts around it; 0 for ""."""
