"""Prices of LLM calls. Pure; apart from `llm_caller`, since settings and the command line read prices too."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from afterword.workers.core.tokens import Tokens

MILLION = 1_000_000


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: float = Field(ge=0)
    cached: float = Field(ge=0)
    completion: float = Field(ge=0)

    def of(self, tokens: Tokens) -> float:
        """US dollars for these tokens; cached ones are a part of the prompt."""
        uncached = tokens.prompt - tokens.cached
        return (uncached * self.prompt + tokens.cached * self.cached + tokens.completion * self.completion) / MILLION


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of a model by its name, or by its name without the date or number that providers append to it."""
    return prices.get(model) or prices.get(_VERSION.sub("", model))


# As in "gpt-5-mini-2025-08-07", "gemini-2.5-flash-001" or "some-model-latest"; "gpt-5-mini" itself is no "gpt-5".
_VERSION = re.compile(r"[-@:](latest|\d{3,}(-\d\d)*)$")
