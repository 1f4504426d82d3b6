"""The tasks of the scheduler, and the memory, processor time and files of every service."""

from __future__ import annotations

from ops.grafana.dashboard import Row
from ops.grafana.panels import Panel, bar_gauge, timeseries
from ops.grafana.promql import quantile, rate, rate_by, standing
from ops.grafana.queries import PromQL


def scheduler() -> Row:
    return Row("Scheduler", (_task_ages(), _task_failures(), _task_seconds(), _policies(), _over_quota(), _left_out()))


def processes() -> Row:
    return Row("Processes", (_memory(), _cpu(), _files()))


def _task_ages() -> Panel:
    success = standing("afterword_scheduler_task_last_success_timestamp_seconds", "task")
    query = PromQL(f"time() - {success}", "{{task}}", instant=True)
    what = "How long ago each task last ended well."
    return bar_gauge("Since the last success", what, query, unit="s", size=(8, 9))


def _task_failures() -> Panel:
    failures = rate("afterword_scheduler_task_runs_total", "task", "outcome", where='outcome!="ok"')
    query = PromQL(failures, "{{task}} {{outcome}}")
    what = "Runs a second that failed (a server was away) or are defective, by task."
    return timeseries("Failures", what, query, unit="ops", size=(8, 9))


def _task_seconds() -> Panel:
    query = PromQL(quantile(0.95, "afterword_scheduler_task_seconds", "task"), "{{task}}")
    return timeseries("Time of a run, p95", "p95 of a run, by task.", query, unit="s", size=(8, 9))


def _policies() -> Panel:
    query = rate_by("afterword_policy_effects_total", "type")
    what = (
        "What policies took a second: memories past their retention or over a cap, memories that were archived, "
        "transcripts, rows of the audit."
    )
    return timeseries("Taken by policies", what, query, unit="ops", size=(8, 7))


def _over_quota() -> Panel:
    query = PromQL(standing("afterword_over_quota", "type"), "{{type}}s")
    what = "Users and agents of whom more is kept than their quota; `afterword analytics storage` names them."
    return timeseries("Over quota", what, query, unit="short", size=(8, 7))


def _left_out() -> Panel:
    query = PromQL(standing("afterword_left_out_of_recall", "type"), "{{type}}")
    what = "Memories that are archived, and users who object to being remembered."
    return timeseries("Left out of recall", what, query, unit="short", size=(8, 7))


def _memory() -> Panel:
    query = PromQL('max by (service) (process_resident_memory_bytes{job="afterword"})', "{{service}}")
    what = "Resident memory of the largest process of each service."
    return timeseries("Memory", what, query, unit="bytes", size=(8, 8))


def _cpu() -> Panel:
    query = PromQL(rate("process_cpu_seconds_total", "service", where='job="afterword"'), "{{service}}")
    what = "CPUs that each service takes, all its processes together."
    return timeseries("CPU", what, query, unit="short", size=(8, 8))


def _files() -> Panel:
    query = PromQL('max by (service) (process_open_fds{job="afterword"})', "{{service}}")
    what = "Open files and connections of the process with most, by service."
    return timeseries("Open files", what, query, unit="short", size=(8, 8))
