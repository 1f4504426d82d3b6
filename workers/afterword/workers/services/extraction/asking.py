"""Asking the LLM about a batch, counted."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.workers.errors import BadAnswer, LlmRefused, LlmUnavailable
from afterword.workers.metrics import Metrics
from afterword.workers.models.llms.port import Completion, Llm, Prompt

_OUTCOMES = {LlmUnavailable: "unavailable", LlmRefused: "refused", BadAnswer: "bad_answer"}


def ask(llm: Llm, prompt: Sequence[Prompt], metrics: Metrics) -> Completion:
    """One call. Raises: LlmUnavailable, LlmRefused, BadAnswer."""
    try:
        with metrics.llm_seconds.labels(llm.model).time():
            completion = llm.complete_json(prompt)
    except (LlmUnavailable, LlmRefused, BadAnswer) as error:
        metrics.llm_calls.labels(llm.model, _OUTCOMES[type(error)]).inc()
        raise
    metrics.llm_calls.labels(llm.model, "ok").inc()
    for name in ("prompt", "cached", "completion"):
        metrics.llm_tokens.labels(llm.model, name).inc(getattr(completion.tokens, name))
    return completion
