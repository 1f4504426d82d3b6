"""Queues of Redis, work that waits in the ledger, and commands."""

from __future__ import annotations

from ops.grafana.dashboard import Row
from ops.grafana.panels import Panel, at_most, timeseries
from ops.grafana.promql import quantile, rate, rate_by, standing, standing_by
from ops.grafana.queries import PromQL


def queues() -> Row:
    return Row(
        "Queues", (_messages(), _ages(), _retries(), _subjects(), _due(), _erasures(), _commands(), _command_seconds())
    )


def queues_in_trouble() -> Row:
    return Row("Queues in trouble", (_stalled(), _unkept()))


def _messages() -> Panel:
    query = standing_by("afterword_queue_messages", "queue", "state")
    what = "Messages by queue: waiting, in flight with workers, delayed for a retry, dead (for seconds, until kept)."
    return timeseries("Messages", what, query, unit="short")


def _ages() -> Panel:
    query = standing_by("afterword_oldest_message_age_seconds", "queue")
    what = "Age of the message that is next in its queue; 0 when none waits."
    return timeseries("Oldest message", what, query, unit="s", limits=at_most(warning=60, bad=300))


def _retries() -> Panel:
    retried = rate_by("afterword_message_retries_total", "queue")
    what = "Messages a second that failed and are tried again, by queue."
    return timeseries("Retries", what, retried, unit="mps", size=(8, 8))


def _subjects() -> Panel:
    subjects = PromQL(standing("afterword_subjects_waiting", "state"), "subjects {{state}}")
    excerpts = PromQL(standing("afterword_excerpts_wanting"), "conversations without their excerpts")
    deletions = PromQL(standing("afterword_deletions_pending"), "deletions to carry out")
    erasures = PromQL(standing("afterword_erasures_pending"), "erasures under way")
    what = (
        "Subjects that wait for extraction: later (in their debounce), due, claimed; excerpts still to write; "
        "deletions that the vector store has to carry out; users whose erasure is not done."
    )
    return timeseries("Work in the ledger", what, subjects, excerpts, deletions, erasures, unit="short", size=(8, 8))


def _due() -> Panel:
    query = PromQL(standing("afterword_oldest_due_subject_age_seconds"), "oldest due subject")
    what = "How long the oldest due, unclaimed subject has been due: extraction is behind by that much."
    limits = at_most(warning=300, bad=1800)
    return timeseries("Extraction behind", what, query, unit="s", limits=limits, size=(8, 8))


def _erasures() -> Panel:
    done = PromQL(rate("afterword_erasures_total", "outcome"), "done, {{outcome}}")
    age = PromQL(standing("afterword_oldest_pending_erasure_age_seconds"), "age of the oldest under way")
    what = "Users erased a second, by the outcome of the scan, and how long the oldest erasure has been under way."
    return timeseries("Erasures", what, done, age, unit="short", size=(8, 8))


def _commands() -> Panel:
    done = rate_by("afterword_commands_total", "command", "outcome")
    what = "Memory commands a second by name and outcome."
    return timeseries("Commands", what, done, unit="reqps")


def _command_seconds() -> Panel:
    query = PromQL(quantile(0.95, "afterword_command_seconds", "command"), "{{command}}")
    return timeseries("Time of a command, p95", "p95 to run a command and send its reply.", query, unit="s")


def _stalled() -> Panel:
    query = standing_by("afterword_worker_stalled", "queue", "instance")
    what = "1 while a worker has messages of its queue and finishes none; /readyz of that worker says how many."
    return timeseries("Stalled workers", what, query, unit="short")


def _unkept() -> Panel:
    query = standing_by("afterword_dead_messages_unkept", "queue")
    what = "Dead messages that PostgreSQL refuses: they stay in Redis for a week. The scheduler's log says why."
    return timeseries("Dead messages not kept", what, query, unit="short")
