"""What becomes of the breaker when an extraction failed: whose fault it was decides."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import Connection

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable
from afterword.workers.stores.ledger import breaker
from afterword.workers.stores.ledger.breaker import BreakerPolicy, Permit

logger = logging.getLogger(__name__)


def tell_breaker(connection: Connection, policy: BreakerPolicy, permit: Permit, error: AfterwordError) -> None:
    """The provider's and the configuration's faults count against it; a bad answer is an answer.

    To be called after the subject's row was locked, as everywhere: who locks in another order could wait for ever.
    """
    if isinstance(error, BadAnswer):
        breaker.succeeded(connection, permit)
    elif isinstance(error, LlmRefused | LlmUnavailable):
        reason = f"{type(error).__name__}: {error}"
        asked = _asked(error, policy)
        # A provider that says when to come back has said that it is not to be asked before.
        at_once = isinstance(error, LlmRefused) or asked > timedelta(0)
        opened = breaker.failed(connection, policy, permit, reason=reason, asked=asked, at_once=at_once)
        if opened is not None:
            logger.warning("extraction pauses everywhere for %.1f s: %s", opened.total_seconds(), reason)


def _asked(error: LlmRefused | LlmUnavailable, policy: BreakerPolicy) -> timedelta:
    asked = error.retry_after if isinstance(error, LlmUnavailable) else None
    return timedelta(seconds=min(asked or 0.0, policy.longest.total_seconds()))
