"""The body of a chat completion, as any compatible endpoint sends it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from afterword.workers.core.errors import BadAnswer, LlmUnavailable
from afterword.workers.core.tokens import Tokens
from afterword.workers.models.llms.answer_text import answer_text
from afterword.workers.models.llms.failures import failure_in_body
from afterword.workers.models.llms.port import Completion
from afterword.workers.text.storable import storable

_MOST_TOKENS = 2**31 - 1
"""The most that the ledger's columns hold. Some endpoints count wrongly; the answer is worth keeping all the same."""
_MODEL_CHARACTERS = 200


def read(body: str, model: str) -> Completion:
    """The whole answer in a response body; `model` is named where the body names none.

    Raises: BadAnswer, for anything but a complete answer with content; LlmUnavailable and LlmRefused, for the error
    that some endpoints send with HTTP 200; LlmUnavailable, for any other body, such as the page of a proxy.
    """
    found = _object(body, model)
    tokens = _tokens(found.get("usage"))
    choices = found.get("choices")
    if error := found.get("error"):
        raise failure_in_body(error if isinstance(error, Mapping) else str(error), model)
    if not isinstance(choices, list):
        raise LlmUnavailable(f"{model}: the response is not a chat completion: check the endpoint's base URL")
    # No choice at all is how some say that they withhold the answer to this prompt.
    choice = choices[0] if choices else None
    if not isinstance(choice, Mapping):
        raise BadAnswer(f"{model}: the answer holds no choice", tokens)
    if isinstance(error := choice.get("error"), Mapping):
        raise failure_in_body(error, model)
    named = found.get("model")
    return Completion(
        text=_content(choice, model, tokens),
        model=storable(named)[:_MODEL_CHARACTERS] if isinstance(named, str) and named else model,
        tokens=tokens,
    )


def _object(body: str, model: str) -> Mapping[str, Any]:
    try:
        # Python refuses to read an integer of thousands of digits; as a float it is read, and bounded later.
        found = json.loads(body, parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise LlmUnavailable(f"{model}: the response is not a chat completion: check the endpoint's base URL")
    return found


def _content(choice: Mapping[str, Any], model: str, tokens: Tokens) -> str:
    message = choice.get("message")
    said: Mapping[str, Any] = message if isinstance(message, Mapping) else {}
    finish = choice.get("finish_reason")
    if said.get("refusal"):
        raise BadAnswer(f"{model}: the model refused to answer", tokens)
    if finish == "length":
        raise BadAnswer(f"{model}: the answer was cut off at the model's limit", tokens)
    if finish == "content_filter":
        raise BadAnswer(f"{model}: the answer was withheld by the provider's content filter", tokens)
    text = answer_text(said)
    if not text:
        raise BadAnswer(f"{model}: the answer is empty", tokens)
    return text


def _tokens(usage: Any) -> Tokens:
    if not isinstance(usage, Mapping):
        return Tokens()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return Tokens(_count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens")))


def _count(value: Any) -> int:
    """A number of tokens, whatever was sent for it: 0 to the most that is kept."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return 0
    return int(min(max(value, 0), _MOST_TOKENS))
