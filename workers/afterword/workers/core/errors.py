"""Errors of the workers, grown from the contract's tree.

AfterwordError (afterword.schemas.errors)
├── Misconfigured          settings or servers that cannot work; says what to do
│   ├── WrongEmbedder      the collection was built with another embedder
│   ├── NotMigrated        the ledger's tables are older than this version
│   └── LedgerTooNew       the ledger's tables are newer than this version
├── StoreUnavailable       a store cannot be reached; the work waits
│   ├── LedgerUnavailable
│   │   ├── LedgerDenied   PostgreSQL admits nobody of this name
│   │   └── BeingErased    the user is being erased: nothing of theirs is written until that is done
│   └── VectorStoreUnavailable
├── LedgerRefused          PostgreSQL cannot keep what it was given; no retry mends that
├── EmbeddingFailed        the embedder did not answer
│   └── EmbeddingRefused   it answers, but gives no vector for some of the texts
├── Late                   a step of an answer took longer than its deadline allows
├── LlmUnavailable         the LLM provider's fault: nothing is wrong with the batch
├── LlmRefused             the provider refuses us: key, quota, model
├── BadAnswer              the LLM answered, but not what was asked for
├── LeaseLost              another worker owns the subject now, or it was cleared; this one's work is void
├── WritesMissing          what is stored is not what was journalled
├── NotFound               no such memory for this owner, or no such dead letter
│   └── Erased             the user was erased while the request was under way
├── AnalyticsOff           asked for figures that are not collected
├── NotReplayable          a dead letter that must be mended first
├── LimitReached           there were too many of these; says when there is room again
└── Denied                 the owner is somebody else's
"""

from __future__ import annotations

from collections.abc import Sequence

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.tokens import Tokens


class Misconfigured(AfterwordError):
    """A setting or a server that cannot work as it is; the message says what to do."""


class WrongEmbedder(Misconfigured):
    """The collection was built with another embedder or other dimensions; both are named."""

    def __init__(self, place: str, *, built_with: str, asked_for: str) -> None:
        super().__init__(
            f"{place} was built with {built_with}, and the embedder is {asked_for}: choose that embedder again, or "
            "copy the memories with `afterword reembed --into NEW` and set AFTERWORD_COLLECTION=NEW"
        )
        self.built_with = built_with
        self.asked_for = asked_for


class NotMigrated(Misconfigured):
    """The ledger's tables are not there, or older than this version: `afterword migrate` mends it."""


class LedgerTooNew(Misconfigured):
    """The ledger was migrated by a newer version: this one must not touch it."""


class StoreUnavailable(AfterwordError):
    """A store cannot be reached just now. The work is not at fault: it waits and burns no attempt."""


class LedgerUnavailable(StoreUnavailable):
    """PostgreSQL cannot be reached."""


class LedgerDenied(LedgerUnavailable):
    """PostgreSQL refuses the login: somebody has to mend the URL. Until then work waits, as in an outage."""


class BeingErased(LedgerUnavailable):
    """The user is being erased: nothing is written for them until that is done. The same works some seconds later."""


class LedgerRefused(AfterwordError):
    """PostgreSQL cannot keep a value: too long for an index, out of range, not text. A retry changes nothing."""


class VectorStoreUnavailable(StoreUnavailable):
    """Qdrant cannot be reached."""


class EmbeddingFailed(AfterwordError):
    """The embedder did not answer, or not with the vectors asked for."""


class EmbeddingRefused(EmbeddingFailed):
    """The embedder is there, but it gives no vector for some of the texts, however short they are made.

    `vectors` has one entry for each text, in order; None stands for a refused one. The others can be used.
    """

    def __init__(self, message: str, vectors: Sequence[list[float] | None]) -> None:
        super().__init__(message)
        self.vectors = tuple(vectors)


class Late(AfterwordError):
    """A step took longer than its share of the deadline."""


class LlmUnavailable(AfterwordError):
    """The provider's fault (429, 5xx, timeout, dropped connection); `retry_after` in seconds where it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LlmRefused(AfterwordError):
    """The provider refuses us (401, 403, quota, unknown model): somebody has to mend the configuration."""


class BadAnswer(AfterwordError):
    """The LLM answered, but not with what was asked for (refusal, no JSON, truncated, wrong shape).

    `tokens` is the provider's own count: the call is paid for all the same.
    """

    def __init__(self, message: str, tokens: Tokens | None = None) -> None:
        super().__init__(message)
        self.tokens = tokens or Tokens()


class LeaseLost(AfterwordError):
    """Another worker owns the subject now, or it was cleared meanwhile: this worker must not commit its work."""


class WritesMissing(AfterwordError):
    """The ids in the vector store are not the journalled ones: the step failed and is to be retried."""


class NotFound(AfterwordError):
    """There is no such memory for this owner, or no such dead letter."""


class Erased(NotFound):
    """The user was erased while this was under way: nothing of it is kept."""


class AnalyticsOff(AfterwordError):
    """Analytics are switched off: nothing is counted."""


class NotReplayable(AfterwordError):
    """A dead letter that cannot be replayed as it is; the message says what to do."""


class LimitReached(AfterwordError):
    """A limit has no room for a request; the message names it. `retry_after` is in how many seconds it has."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Denied(AfterwordError):
    """The caller does not own what it asks for."""


def told(error: BaseException) -> str:
    """The form in which logs and dead letters name an error: its class, and its message if the error is ours.

    A database's error adds its code, such as "DataError (22003)". The message of somebody else's error is left out: it
    may repeat its input, such as a text that could not be read or a key that was refused.
    """
    name = type(error).__name__
    if isinstance(error, AfterwordError):
        return f"{name}: {error}" if str(error) else name
    # SQLAlchemy keeps the driver's error in `orig`. Its SQLSTATE never quotes a value, as its message may.
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    return f"{name} ({code})" if isinstance(code, str) else name
