"""`afterword stats`: calls to the LLM, tokens and cost, per conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afterword.workers.services.extraction.pricing import Price, price_of
from afterword.workers.stores.ledger.extraction.llm_calls import Usage


def stats_table(usages: Sequence[Usage], extracted: int, prices: Mapping[str, Price]) -> str:
    """Usage by model, and what a conversation of `extracted` took on average."""
    lines = [f"{'model':28} {'calls':>8} {'failed':>8} {'prompt':>12} {'cached':>12} {'completion':>12} {'cost':>12}"]
    for usage in usages:
        tokens = usage.tokens
        lines.append(
            f"{usage.model:28} {usage.calls:8} {usage.failed:8} {tokens.prompt:12} {tokens.cached:12} "
            f"{tokens.completion:12} {_cost(usage, prices):>12}"
        )
    lines.append(f"\n{extracted} conversations extracted")
    if extracted:
        calls = sum(usage.calls for usage in usages)
        prompt = sum(usage.tokens.prompt for usage in usages)
        completion = sum(usage.tokens.completion for usage in usages)
        lines.append(
            f"per conversation: {calls / extracted:.2f} calls, {prompt / extracted:.0f} prompt tokens, "
            f"{completion / extracted:.0f} completion tokens, {_total(usages, prices, extracted)}"
        )
    return "\n".join(lines)


def _cost(usage: Usage, prices: Mapping[str, Price]) -> str:
    price = price_of(usage.model, prices)
    return f"${price.of(usage.tokens):.4f}" if price else "no price"


def _total(usages: Sequence[Usage], prices: Mapping[str, Price], extracted: int) -> str:
    known = [(price, usage) for usage in usages if (price := price_of(usage.model, prices))]
    # A sum that leaves out a model without a price would look too cheap.
    if len(known) < len(usages):
        return "cost unknown: set AFTERWORD_PRICES"
    return f"${sum(price.of(usage.tokens) for price, usage in known) / extracted:.6f}"
