"""Answering within limits: who is over one is told so at once, and nothing is looked for."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from afterword.schemas import ContextReply, ContextRequest
from afterword.schemas.limits import LimitedKind
from afterword.workers.services.policy.limits import Requester, RequestLimits
from afterword.workers.services.recall.answering import Answer, RelevanceVerdict

OVER_LIMIT: Final = "over_limit"
"""What `degraded` says. The client goes on without memories, as it does when a part is away."""


class Answering(Protocol):
    """Answers context requests."""

    def answer(
        self, request: ContextRequest, within: float | None = None, now: datetime | None = None, /
    ) -> Answer: ...


class LimitedAnswerer:
    """Counts each request, and answers those that are over no limit."""

    def __init__(self, answerer: Answering, limits: RequestLimits) -> None:
        self._answerer = answerer
        self._limits = limits

    def answer(self, request: ContextRequest, within: float | None = None, now: datetime | None = None) -> Answer:
        """As `Answerer.answer`. Over a limit the reply is empty, and says so."""
        requester = Requester(request.tenant_id, request.user_id, request.agent_id)
        if self._limits.over(LimitedKind.CONTEXTS, requester) is None:
            return self._answerer.answer(request, within, now)
        reply = ContextReply(degraded=(OVER_LIMIT,))
        return Answer(reply, {"total": 0.0}, RelevanceVerdict.NONE, has_memories=False)
