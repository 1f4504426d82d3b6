"""Fitting memories into a prompt. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from afterword.schemas import Memory, Scope
from afterword.schemas.rendering import render_heading, render_line
from afterword.workers.text.tokens import estimate


def fit(
    memories: Iterable[Memory], *, limit: int, token_budget: int, language: str, agent_id: str | None = None
) -> list[Memory]:
    """The first memories that fit, never half of one: at most `limit`, at most `token_budget` estimated tokens with
    the headings of all sections.
    """
    chosen: list[Memory] = []
    # A heading ends with its line, and an empty line parts it from the section before.
    left = token_budget - sum(estimate(render_heading(scope, agent_id, language)) + 1 for scope in Scope)
    for memory in memories:
        if len(chosen) == limit:
            break
        cost = estimate(render_line(memory, language)) + 1
        if cost <= left:
            chosen.append(memory)
            left -= cost
    return chosen
