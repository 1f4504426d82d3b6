"""PostgreSQL, Redis and the vector store."""

from __future__ import annotations

from ops.grafana.dashboard import Row
from ops.grafana.panels import Column, Panel, stat, states, timeseries
from ops.grafana.promql import standing, standing_by
from ops.grafana.queries import PromQL, Sql
from ops.grafana.variables import tenant

_GATE = {0: ("refuses writes", "red"), 1: ("takes writes", "green")}
_HELD = {0: ("none", "orange"), 1: ("some", "green")}
_TENANT = f"tenant_id = {tenant().chosen}"


def servers() -> Row:
    return Row("Servers", (_collection(), _redis(), _points(), _sizes(), _reconciled(), _gates(), _held()))


def _collection() -> Panel:
    points = PromQL(standing("afterword_vector_store_points"), "memories", instant=True)
    dimensions = PromQL(standing("afterword_vector_store_dimensions"), "dimensions", instant=True)
    what = "How many memories the collection holds, and of how many dimensions their vectors are."
    return stat("Collection", what, points, dimensions, unit="short", size=(24, 3))


def _redis() -> Panel:
    used = PromQL(standing("afterword_redis_memory_bytes"), "used")
    most = PromQL(standing("afterword_redis_memory_max_bytes"), "may be used")
    what = "Memory that Redis uses, and may use; without the second line it is not bounded."
    return timeseries("Redis memory", what, used, most, unit="bytes")


def _points() -> Panel:
    query = standing_by("afterword_vector_store_memories", "scope", "kind")
    what = "Memories in the vector store, by scope and kind."
    return timeseries("Memories in the vector store", what, query, unit="short", stacked=True)


def _sizes() -> Panel:
    queries = (
        PromQL(standing("afterword_postgres_size_bytes"), "PostgreSQL, disk"),
        PromQL(standing("afterword_vector_store_memory_bytes"), "Qdrant server, memory"),
        PromQL(standing("afterword_vector_store_disk_bytes"), "Qdrant Edge, disk"),
    )
    what = "What the ledger and the vector store take; of a Qdrant server only its memory is known, of Edge its disk."
    return timeseries("Sizes", what, *queries, unit="bytes")


def _reconciled() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(slot,$__interval), max(memories) AS "In the ledger",
               max(stored) AS "In the vector store", max(difference) AS "Difference"
        FROM snapshots
        WHERE {_TENANT} AND $__timeFilter(slot)
        GROUP BY 1 ORDER BY 1
    """
    what = (
        "What the ledger knows, what the vector store counted, and by how much that is more: "
        "a difference that stays needs a look."
    )
    right = Column(name="Difference", properties={"custom.axisPlacement": "right"})
    return timeseries("Reconciled", what, Sql(query, series=True), unit="short", interval="5m", columns=(right,))


def _gates() -> Panel:
    query = standing_by("afterword_ledger_gate_open", "service", "instance")
    what = "Whether workers find that PostgreSQL takes writes; one that does not leaves its messages in the queue."
    return states("PostgreSQL takes writes", what, query, words=_GATE)


def _held() -> Panel:
    ledger = PromQL(standing("afterword_ledger_holds_memories"), "PostgreSQL knows memories")
    store = PromQL(standing("afterword_vector_store_points") + " > bool 0", "Qdrant holds memories")
    what = "When PostgreSQL knows memories and Qdrant holds none, they were lost: see AfterwordMemoriesLost."
    return states("Memories there", what, ledger, store, words=_HELD)
