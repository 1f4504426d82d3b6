"""Operations: queues, dead letters, the LLM and what it costs, the scheduler, processes and servers."""

from __future__ import annotations

from ops.grafana.boards.operations.dead_letters import dead_letters
from ops.grafana.boards.operations.deletions import deletions
from ops.grafana.boards.operations.extraction import extraction, llm
from ops.grafana.boards.operations.limits import limits
from ops.grafana.boards.operations.processes import processes, scheduler
from ops.grafana.boards.operations.queues import queues, queues_in_trouble
from ops.grafana.boards.operations.servers import servers
from ops.grafana.boards.overview import UP
from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Panel, at_most, bar_gauge, stat, states
from ops.grafana.promql import standing, standing_by
from ops.grafana.queries import PromQL
from ops.grafana.variables import tenant

_BREAKER = {0: ("closed", "green"), 1: ("open", "red")}
_LEADER = {0: ("nobody leads", "red"), 1: ("led", "green")}


def operations() -> Dashboard:
    return Dashboard(
        uid="afterword-operations",
        title="Afterword · Operations",
        description=(
            "Queues, retries, dead letters, the breaker, tokens and cost, the scheduler, processes and servers. "
            "The tenant chooses in what is read from the ledger."
        ),
        since="now-6h",
        refresh="30s",
        variables=(tenant(),),
        rows=(
            _health(),
            queues(),
            queues_in_trouble(),
            limits(),
            dead_letters(),
            deletions(),
            llm(),
            extraction(),
            scheduler(),
            processes(),
            servers(),
        ),
    )


def _health() -> Row:
    return Row("Health", (_components(), _workers(), _breaker(), _leader(), _standing_dead(), _builds()))


def _components() -> Panel:
    query = standing_by("afterword_component_up", "component")
    what = "Whether Redis, PostgreSQL and the vector store answered the scheduler."
    return states("Components", what, query, words=UP, size=(8, 6))


def _workers() -> Panel:
    query = PromQL("sum by (role) (afterword_worker_up)", "{{role}}", instant=True)
    what = "Worker processes whose threads run, by role; a role that is missing has none."
    return stat("Workers", what, query, unit="none", size=(6, 6))


def _breaker() -> Panel:
    query = PromQL(standing("afterword_breaker_open"), "breaker", instant=True)
    what = "Open: the LLM fails or refuses, and extraction pauses everywhere until a probe is answered."
    return stat("Breaker", what, query, unit="none", words=_BREAKER, size=(3, 6))


def _leader() -> Panel:
    query = PromQL(standing("afterword_scheduler_leader"), "scheduler", instant=True)
    return stat("Scheduler", "Whether a scheduler leads.", query, unit="none", words=_LEADER, size=(3, 6))


def _standing_dead() -> Panel:
    query = PromQL(standing("afterword_dead_letters_standing", "queue"), "{{queue}}", instant=True)
    what = "Dead letters that wait for somebody: afterword deadletters list."
    limits = at_most(warning=1, bad=10)
    return bar_gauge("Waiting dead letters", what, query, unit="none", limits=limits, size=(4, 6))


def _builds() -> Panel:
    text = "count by (version, python, mem0) (afterword_build_info)"
    query = PromQL(text, "{{version}}, Python {{python}}, mem0 {{mem0}}", instant=True)
    what = "Processes by their versions: more than one during an upgrade only."
    return stat("Versions", what, query, unit="none", size=(24, 3))
