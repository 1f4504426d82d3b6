"""The actor of the context queue."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import dramatiq
from dramatiq.middleware import CurrentMessage
from redis.exceptions import RedisError

from afterword.schemas import ContextReply, ContextRequest
from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.actors.requests import Answering
from afterword.workers.broker import MendedBroker
from afterword.workers.messages import QueryEvent
from afterword.workers.metrics import Metrics
from afterword.workers.services.recall.recall import Answer, Gate, Recall
from afterword.workers.services.telemetry import QueryLog


def declare(broker: MendedBroker, recall: Recall, answering: Answering, query_log: QueryLog, metrics: Metrics) -> None:
    """Answer context requests; those past their deadline are dropped. Never retried: the asker has gone by then."""

    def run(request: ContextRequest) -> ContextReply:
        answer = recall.answer(request, answering.seconds_left(request))
        _count(metrics, answer)
        query_log.add(_query_event(request, answer))
        return answer.reply

    @dramatiq.actor(broker=broker, queue_name=Queue.CONTEXT, actor_name=ACTORS[Queue.CONTEXT], max_retries=0)
    def answer_context(body: Any) -> None:
        outcome = answering.answer(body, ContextRequest.parse, run)
        if outcome == "ok":
            _time_reply(broker, metrics)
        else:
            metrics.context_requests.labels(outcome if outcome in ("expired", "invalid") else "failed").inc()


def _time_reply(broker: MendedBroker, metrics: Metrics) -> None:
    """From the asking to the reply sent, by Redis's clock on both sides."""
    message = CurrentMessage.get_current_message()
    if message is not None:
        with suppress(RedisError):
            since_asked = max(broker.clock.now_ms() - message.message_timestamp, 0) / 1000
            metrics.context_seconds.labels("reply").observe(since_asked)


def _count(metrics: Metrics, answer: Answer) -> None:
    reply = answer.reply
    outcome = "degraded" if reply.degraded else "answered" if reply.memories else "empty"
    metrics.context_requests.labels(outcome).inc()
    if answer.gate is not Gate.NONE:
        metrics.relevance_gate.labels(answer.gate).inc()
    if answer.gate is Gate.PASSED and answer.has_memories:
        success = "degraded" if reply.degraded else "success" if reply.memories else "empty"
        metrics.retrievals.labels(success).inc()
    for part in reply.degraded:
        metrics.context_degraded.labels(part).inc()
    for step, seconds in answer.seconds.items():
        metrics.context_seconds.labels(step).observe(seconds)
    for memory in reply.memories:
        metrics.context_memories.labels(memory.scope, memory.kind).inc()


def _query_event(request: ContextRequest, answer: Answer) -> QueryEvent:
    return QueryEvent(
        tenant_id=request.tenant_id,
        user_id=request.user_id,
        agent_id=request.agent_id,
        session_id=request.session_id,
        at=datetime.now(UTC),
        query_length=len(request.query or ""),
        result_length=len(answer.reply.text),
        result_count=len(answer.reply.memories),
        seconds=answer.seconds["total"],
        degraded=answer.reply.degraded,
    )
