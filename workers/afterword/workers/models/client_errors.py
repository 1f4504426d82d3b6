"""Reading the error of a vendor's client. Each library keeps status and words in its own fields, some in the cause.

The words are only searched. They may repeat the key or the texts, and so never go into a message of ours.
"""

from __future__ import annotations

from typing import Any

_CHARACTERS = 8_000


def status_of(error: BaseException) -> int | None:
    """The HTTP status; None for an error that is no response."""
    # Some libraries raise an error of their own over the one that holds the response.
    for each in (error, error.__cause__, error.__context__):
        answer: Any = getattr(each, "response", None)
        if isinstance(answer, dict):  # botocore's
            answer = answer.get("ResponseMetadata", {})
            found = [answer.get("HTTPStatusCode")]
        else:
            found = [getattr(answer, "status_code", None)]
        found += [getattr(each, name, None) for name in ("status_code", "http_status", "code")]
        for status in found:
            if isinstance(status, int) and 100 <= status <= 599:
                return status
    return None


def words_of(error: BaseException) -> str:
    """The provider's own words: the error's message and the response body it was made from. For searching only."""
    body: Any = getattr(error, "body", None) or ""
    return f"{str(error)[:_CHARACTERS]} {str(body)[:_CHARACTERS]}"
