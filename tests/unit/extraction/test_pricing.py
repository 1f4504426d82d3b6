"""What calls to the LLM cost."""

from __future__ import annotations

import pytest

from afterword.workers.core.tokens import Tokens
from afterword.workers.services.extraction.pricing import Price, price_of

CHEAP = Price(prompt=0.25, cached=0.025, completion=2.0)
DEAR = Price(prompt=1.25, cached=0.125, completion=10.0)


def test_cached_tokens_are_a_part_of_the_prompt() -> None:
    assert CHEAP.of(Tokens(prompt=1_000_000, cached=400_000, completion=500_000)) == pytest.approx(0.15 + 0.01 + 1.0)


@pytest.mark.parametrize(
    "model",
    ["gpt-5-mini", "gpt-5-mini-2025-08-07", "gpt-5-mini-001", "gpt-5-mini@20250807", "gpt-5-mini-latest"],
)
def test_a_model_s_dated_versions_have_its_price(model: str) -> None:
    assert price_of(model, {"gpt-5": DEAR, "gpt-5-mini": CHEAP}) == CHEAP


@pytest.mark.parametrize("model", ["gpt-5-mini", "gpt-5-nano", "gpt-50", "gpt", "other"])
def test_another_model_does_not(model: str) -> None:
    """A price that is wrong by a factor is worse than none."""
    assert price_of(model, {"gpt-5": DEAR}) is None
