"""What calls to the LLM cost. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from afterword.workers.models.llms.port import Tokens

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
    """The price of a model, or of the longest name it begins with: providers append dates to theirs."""
    known = [name for name in prices if model.startswith(name)]
    return prices[max(known, key=len)] if known else None
