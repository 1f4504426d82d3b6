"""Errors of LLM providers, translated to ours. An error carries an HTTP status, unless nobody answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable
from afterword.workers.models.client_errors import status_of, words_of
from afterword.workers.models.llms.formats import refuses_format

_REFUSED = frozenset({401, 402, 403, 404, 405, 406, 407, 410, 415, 426, 451})
_REFUSED_CODES = frozenset(
    {
        *("insufficient_quota", "billing_not_active", "billing_hard_limit_reached", "invalid_api_key"),
        *("model_not_found", "model_not_active", "model_decommissioned", "model_not_available"),
        *("unsupported_parameter", "unsupported_value", "unknown_parameter", "unsupported_api_version"),
        *("DeploymentNotFound", "OperationNotSupported", "ModelNotFound", "InvalidApiVersion"),
    }
)
_BUSY = frozenset({408, 409, 425, 429, 498})  # 498: Groq's flexible tier is full
_OF_THE_BATCH = frozenset(
    {"content_filter", "content_policy_violation", "context_length_exceeded", "string_above_max_length"}
)
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
# Short snake case, or words run together, only: no key and no sentence looks like that.
_CODE = re.compile(r"[a-z][a-z_]{2,47}|(?:[A-Z][a-z]{2,}){1,5}")
# Words of a 400 or 422 about an argument of ours, whichever way a server says it.
_UNSUPPORTED = re.compile(
    r"(unsupported|not support|unknown|unrecognized|unexpected|unavailable|not permitted|not allowed|extra_forbidden"
    r"|use '?max_completion_tokens)",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(r"\b(parameter|argument|field|property|max_tokens|temperature|top_p|extra)", re.IGNORECASE)
_TOO_LARGE_FOR_TIER = re.compile(r"tokens per (minute|day)|\b[TR]P[MD]\b")


def failure(error: Exception, model: str) -> AfterwordError:
    """Our error for a client's error: LlmUnavailable, LlmRefused or BadAnswer.

    Its message names the model, the status and the provider's code, never the provider's own words: they may repeat
    the key or the prompt.
    """
    status = status_of(error)
    if status is None:
        return _without_status(error, model)
    return _meaning(status, _code(error), words_of(error), f"{model}: HTTP {status}", _retry_after(error))


def failure_in_body(found: Mapping[str, Any] | str, model: str) -> AfterwordError:
    """Our error for one that came in the body of HTTP 200, by its code, which may be a number or a word."""
    fields: Mapping[str, Any] = found if isinstance(found, Mapping) else {"message": found}
    codes = (fields.get("code"), fields.get("status"), fields.get("type"))
    numbers = [int(code) for code in codes if isinstance(code, int | str) and re.fullmatch(r"[1-5]\d\d", str(code))]
    code = next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), None)
    words = f"{fields.get('message', '')} {fields.get('metadata', '')}"
    # Without a number it is the server's own trouble, unless its code says otherwise.
    return _meaning(numbers[0] if numbers else 500, code, words, f"{model}: an error in HTTP 200", None)


def _meaning(status: int, code: str | None, words: str, said: str, wait: float | None) -> AfterwordError:
    said += f" ({code})" if code else ""
    # Codes and words first: one status stands for several causes.
    if code in _OF_THE_BATCH or _was_moderated(words):
        return BadAnswer(said)
    if status == 413 and (code == "rate_limit_exceeded" or _TOO_LARGE_FOR_TIER.search(words)):
        mend = "one request is over the limit of tokens a minute: lower AFTERWORD_BATCH_TOKENS, or raise the limit"
        return LlmRefused(f"{said}: {mend}")
    if status in _REFUSED or code in _REFUSED_CODES:
        return LlmRefused(said)
    if status in _BUSY or status >= 500:
        return LlmUnavailable(said, wait)
    if status in (400, 422) and _UNSUPPORTED.search(words) and _ARGUMENT.search(words):
        return LlmRefused(f"{said}: the endpoint does not take an argument of the request")
    if status < 400:
        return LlmRefused(f"{said}: the endpoint sends us elsewhere; check the base URL")
    return BadAnswer(said)


def _was_moderated(words: str) -> bool:
    """OpenRouter says with 403 that a prompt was flagged, as others do with a code."""
    return "flagged_input" in words or "requires moderation" in words


def _without_status(error: Exception, model: str) -> AfterwordError:
    if refuses_format(error):
        return LlmRefused(f"{model}: its client does not take response_format")
    if isinstance(error, _UNREADABLE):
        return BadAnswer(f"{model}: an answer that its client cannot read ({type(error).__name__})")
    return LlmUnavailable(f"{model}: no answer ({type(error).__name__})")


def _code(error: Exception) -> str | None:
    """`code`, or where that is missing `type`: OpenAI puts "insufficient_quota" into both, others into one."""
    body = getattr(error, "body", None)
    fields = body if isinstance(body, Mapping) else {}
    values = (getattr(error, "code", None), fields.get("code"), getattr(error, "type", None), fields.get("type"))
    return next((value for value in values if isinstance(value, str) and _CODE.fullmatch(value)), None)


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    return seconds_until(headers.get("retry-after")) if headers is not None else None


def seconds_until(retry_after: str | None) -> float | None:
    """The seconds that a Retry-After header asks to wait, given in seconds or as an HTTP date; None if unreadable."""
    if retry_after is None:
        return None
    # Nine digits are thirty years: a longer number is no wait.
    if re.fullmatch(r"\d{1,9}(\.\d+)?", retry_after.strip()):
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
