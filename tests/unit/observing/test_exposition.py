"""What a process shows of its metrics."""

from __future__ import annotations

from prometheus_client.exposition import generate_latest

from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.metrics.queues import QueueMetrics
from afterword.workers.observing.metrics.recall import RecallMetrics


def test_no_series_tells_when_it_began() -> None:
    assert "_created" not in generate_latest(Metrics().exposed()).decode()


def test_zeros_of_other_rooms_and_queues_are_left_out_and_counts_never() -> None:
    metrics = Metrics()
    metrics.ingested.labels("stored").inc()
    metrics.dead_letters.labels("telemetry").inc()
    shown = generate_latest(metrics.exposed([RecallMetrics, QueueMetrics], queue="context")).decode()
    assert 'afterword_context_requests_total{outcome="answered"} 0.0' in shown
    assert 'afterword_message_retries_total{queue="context"} 0.0' in shown
    assert 'afterword_message_retries_total{queue="commands"}' not in shown
    assert "afterword_commands_total" not in shown
    assert 'afterword_ingested_conversations_total{outcome="stored"} 1.0' in shown
    assert 'afterword_dead_letters_total{queue="telemetry"} 1.0' in shown


def test_a_reading_of_zero_is_shown_though_another_room_declares_it() -> None:
    metrics = Metrics()
    metrics.breaker_open.show(0)
    shown = generate_latest(metrics.exposed([QueueMetrics])).decode()
    assert "afterword_breaker_open 0.0" in shown
    assert "afterword_oldest_due_subject_age_seconds" not in shown
