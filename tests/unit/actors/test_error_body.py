from __future__ import annotations

import pytest

from afterword.schemas import AfterwordError, ErrorBody, InvalidEvent, MemoryUnavailable, UnsupportedVersion
from afterword.workers.actors.requests import error_body
from afterword.workers.core.errors import (
    Denied,
    EmbeddingFailed,
    LedgerUnavailable,
    LimitReached,
    NotFound,
    VectorStoreUnavailable,
)


@pytest.mark.parametrize(
    ("error", "code", "field"),
    [
        (InvalidEvent("limit", "0", "must be 1 or more"), "invalid", "limit"),
        (UnsupportedVersion(2, 1), "invalid", "version"),
        (LimitReached("60 contexts a minute", retry_after=7), "over_limit", None),
        (Denied("not yours"), "denied", None),
        (NotFound("no such memory"), "not_found", None),
        (LedgerUnavailable("PostgreSQL: gone"), "unavailable", None),
        (VectorStoreUnavailable("Qdrant: gone"), "unavailable", None),
    ],
)
def test_every_error_has_a_stable_code_and_its_own_words(error: AfterwordError, code: str, field: str | None) -> None:
    assert error_body(error) == ErrorBody(
        code=code, message=str(error), field=field, retry_after=getattr(error, "retry_after", None)
    )


@pytest.mark.parametrize("error", [EmbeddingFailed("429"), MemoryUnavailable("Redis: gone")])
def test_any_other_is_named(error: AfterwordError) -> None:
    assert error_body(error) == ErrorBody(code="unavailable", message=f"{type(error).__name__}: {error}")
