"""The actor of the context queue."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from datetime import UTC, datetime
from statistics import fmean
from typing import Any
from uuid import UUID

import dramatiq
from dramatiq.middleware import CurrentMessage
from redis.exceptions import RedisError

from afterword.schemas import ContextReply, ContextRequest
from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.actors.requests import Responder
from afterword.workers.broker import MendedBroker
from afterword.workers.core.messages import MAX_GIVEN, QueryEvent
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.analytics.telemetry import QueryLog
from afterword.workers.services.recall.answering import Answer, RelevanceVerdict
from afterword.workers.services.recall.finding.finder import EMBEDDING_SHARE
from afterword.workers.services.recall.limiting import OVER_LIMIT, Answering

logger = logging.getLogger(__name__)

_MORE = 1.25
"""An answer that lacks something is taken to need this much more than it had: enough to adapt, and no jump."""


def declare(
    broker: MendedBroker, answerer: Answering, responder: Responder, query_log: QueryLog | None, metrics: Metrics
) -> None:
    """Answer context requests. Those that cannot be answered by their deadline are dropped. None is retried: its asker
    would be gone by then.

    Without a query log analytics hear of none.
    """

    def run(request: ContextRequest) -> ContextReply:
        left = responder.seconds_left(request)
        answer = answerer.answer(request, left)
        # A refusal takes no time, and says nothing about what an answer needs.
        if OVER_LIMIT not in answer.reply.degraded:
            responder.times.note(seconds_needed(answer, left))
        _count(metrics, answer)
        if query_log is not None:
            query_log.add(query_event(request, answer))
        return answer.reply

    @dramatiq.actor(broker=broker, queue_name=Queue.CONTEXT, actor_name=ACTORS[Queue.CONTEXT], max_retries=0)
    def answer_context(body: Any) -> None:
        # What it stays if `answer` raises.
        outcome = "internal"
        try:
            message = CurrentMessage.get_current_message()
            asked_ms = message.message_timestamp if message else None
            outcome = responder.answer(body, ContextRequest.parse, run, asked_ms=asked_ms)
        finally:
            if outcome == "ok":
                _time_reply(broker, metrics)
            else:
                metrics.context_requests.labels(outcome if outcome in ("expired", "invalid") else "failed").inc()


def _time_reply(broker: MendedBroker, metrics: Metrics) -> None:
    """Observe the time from the asking to the reply sent, by Redis's clock on both sides."""
    message = CurrentMessage.get_current_message()
    if message is not None:
        # The reply is sent: its figure is not worth an error.
        with suppress(RedisError):
            since_asked = max(broker.clock.now_ms() - message.message_timestamp, 0) / 1000
            metrics.context_seconds.labels("reply").observe(since_asked)


def seconds_needed(answer: Answer, left: float | None) -> float:
    """How much time must be left for a whole answer like this one, when `left` seconds were.

    The embedder has a share of the time, so that less than what the answer took in all may be too little. An answer
    that lacks something would have needed more than there was: the next ones are begun earlier.
    """
    took = answer.seconds["total"]
    # With memory off, or over a limit, nothing is missing that more time would bring.
    degraded = set(answer.reply.degraded) - {"memory_off", OVER_LIMIT}
    if degraded and left is not None:
        return max(took, _MORE * left)
    return max(took, answer.seconds.get("embed", 0.0) / EMBEDDING_SHARE)


def _count(metrics: Metrics, answer: Answer) -> None:
    reply, verdict = answer.reply, answer.verdict
    outcome = "degraded" if reply.degraded else "answered" if reply.memories else "empty"
    metrics.context_requests.labels(outcome).inc()
    found = [memory.id for memory in reply.memories]
    logger.debug("context: %s %s, relevance %s, %s ms: %s", outcome, reply.degraded, verdict, reply.timings_ms, found)
    if verdict is not RelevanceVerdict.NONE:
        metrics.relevance_gate.labels(verdict).inc()
    if verdict is RelevanceVerdict.PASSED and answer.has_memories:
        success = "degraded" if reply.degraded else "success" if reply.memories else "empty"
        metrics.retrievals.labels(success).inc()
    for part in reply.degraded:
        metrics.context_degraded.labels(part).inc()
    for step, seconds in answer.seconds.items():
        metrics.context_seconds.labels(step).observe(seconds)
    for memory in reply.memories:
        metrics.context_memories.labels(memory.scope, memory.kind).inc()


def query_event(request: ContextRequest, answer: Answer) -> QueryEvent:
    """The record of an answered request, for analytics."""
    relevances = [memory.score for memory in answer.reply.memories if memory.score is not None]
    return QueryEvent(
        tenant_id=request.tenant_id,
        user_id=request.user_id,
        agent_id=request.agent_id,
        session_id=request.session_id,
        at=datetime.now(UTC),
        query_length=len(request.query or ""),
        query_hash=_query_hash(request),
        query=request.query,
        result_length=len(answer.reply.text),
        result_count=len(answer.reply.memories),
        relevance=min(max(fmean(relevances), 0.0), 1.0) if relevances else None,
        gate_passed=answer.verdict is RelevanceVerdict.PASSED,
        has_memories=answer.has_memories,
        seconds=answer.seconds["total"],
        degraded=answer.reply.degraded,
        memory_ids=tuple(UUID(memory.id) for memory in answer.reply.memories[:MAX_GIVEN]),
    )


def _query_hash(request: ContextRequest) -> str | None:
    # With the tenant, so that hashes of two tenants do not compare.
    words = " ".join((request.query or "").split())
    return hashlib.sha256(f"{request.tenant_id}\n{words}".encode()).hexdigest()[:16] if words else None
