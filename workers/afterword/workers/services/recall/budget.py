"""Fitting memories into a prompt. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from afterword.schemas import Memory
from afterword.schemas.rendering import render_line
from afterword.workers.text.tokens import estimate

HEADING_TOKENS = 12
"""What a section's heading costs at most; there are three sections."""


def fit(memories: Iterable[Memory], *, limit: int, token_budget: int, language: str) -> list[Memory]:
    """The first memories that fit, never half of one: at most `limit`, at most `token_budget` estimated tokens."""
    chosen: list[Memory] = []
    left = token_budget - 3 * HEADING_TOKENS
    for memory in memories:
        cost = estimate(render_line(memory, language)) + 1
        if cost <= left and len(chosen) < limit:
            chosen.append(memory)
            left -= cost
    return chosen
