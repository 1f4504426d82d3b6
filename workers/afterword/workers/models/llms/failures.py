"""Errors of LLM providers, translated to ours. An error carries an HTTP status, unless nobody answered."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable

_REFUSED = frozenset({401, 402, 403, 404})
_REFUSED_CODES = frozenset(
    {"insufficient_quota", "billing_not_active", "billing_hard_limit_reached", "invalid_api_key", "model_not_found"}
)
_BUSY = frozenset({408, 409, 425, 429})
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
# Short snake case only: no key and no sentence looks like that.
_CODE = re.compile(r"[a-z][a-z_]{2,47}")


def failure(error: Exception, model: str) -> AfterwordError:
    """The error of ours that a client's error stands for: LlmUnavailable, LlmRefused or BadAnswer.

    Its message names the model, the status and the provider's code, never the provider's own words: they may repeat
    the key or the prompt.
    """
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return _without_status(error, model)
    code = _code(error)
    said = f"{model}: HTTP {status}" + (f" ({code})" if code else "")
    if status in _REFUSED or code in _REFUSED_CODES:
        return LlmRefused(said)
    if status in _BUSY or status >= 500:
        return LlmUnavailable(said, _retry_after(error))
    return BadAnswer(said)


def _without_status(error: Exception, model: str) -> AfterwordError:
    if isinstance(error, _UNREADABLE):
        return BadAnswer(f"{model}: an answer that its client cannot read ({type(error).__name__})")
    return LlmUnavailable(f"{model}: no answer ({type(error).__name__})")


def _code(error: Exception) -> str | None:
    """`code`, or where that is missing `type`: OpenAI puts "insufficient_quota" into both, others into one."""
    values = (getattr(error, "code", None), getattr(error, "type", None))
    return next((value for value in values if isinstance(value, str) and _CODE.fullmatch(value)), None)


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    return seconds_until(headers.get("retry-after")) if headers is not None else None


def seconds_until(retry_after: str | None) -> float | None:
    """The seconds that a Retry-After header asks to wait, given in seconds or as an HTTP date; None if unreadable."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", retry_after.strip()):
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
