"""Why an embedder refuses a request, told from its status and its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused

_MAY_BE_THE_TEXT = frozenset({400, 413, 422, 500})
"""Other statuses are about us (401, 403, 404, 429), or say that the server is away (502, 503, 504)."""

_LENGTH = re.compile(
    r"context.?(length|size|window)|max\w*.{0,20}(length|tokens|sequence)|too (long|large|many tokens)|input length"
    r"|(fewer|less|more) than \d+ tokens|token limit|string_above_max_length|context_length_exceeded"
    r"|exceeds?.{0,40}tokens",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"batch.?size|too many (inputs|items|texts)|array_above_max_length|(number|count) of (inputs|texts|items)"
    r"|(at most|maximum|up to|more than|than) \d+ (inputs|texts|items|strings|documents)|inputs? per request",
    re.IGNORECASE,
)


class Cause(Enum):
    """The fault of a request, as a refusal names it."""

    LENGTH = "length"  # a text is too long
    COUNT = "count"  # too many texts
    UNSAID = "unsaid"  # refused, without a word of either
    BROKEN = "broken"  # HTTP 500, or a vector that is none: the model fell over this text


class RequestRefused(EmbeddingRefused):
    """A request that the embedder refused as a whole."""

    def __init__(self, message: str, texts: Sequence[str], cause: Cause) -> None:
        super().__init__(message, [None] * len(texts))
        self.cause = cause


def failed(said: str, *, status: object, words: str, texts: Sequence[str]) -> EmbeddingFailed:
    """Our error for a response with this HTTP status and these words, which are searched and never repeated.

    `said` is the error's message: the model, the status, the code.
    """
    if not isinstance(status, int) or status not in _MAY_BE_THE_TEXT:
        return EmbeddingFailed(said)
    return RequestRefused(said, texts, cause_of(status, words))


def cause_of(status: int, words: str) -> Cause:
    """The fault that a refusal with this status and these words names."""
    if _LENGTH.search(words):  # first: llama.cpp speaks of its batch size when one text is too long
        return Cause.LENGTH
    if _COUNT.search(words):
        return Cause.COUNT
    return Cause.BROKEN if status == 500 else Cause.UNSAID
