"""Performance: how long contexts, saves and the stores take, step by step."""

from __future__ import annotations

from ops.grafana.boards.overview import BAD_REPLIES, RESPONSE, SAVE, SUCCESS
from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Column, Panel, heatmap, timeseries
from ops.grafana.promql import quantile, rate, rate_by, ratio
from ops.grafana.queries import PromQL, Sql
from ops.grafana.sql import mean
from ops.grafana.variables import agent, tenant

_CHOSEN = f"{tenant().matches('tenant_id')} AND {agent().matches('agent_id')}"
_CONTEXT = "afterword_context_seconds"


def performance() -> Dashboard:
    return Dashboard(
        uid="afterword-performance",
        title="Afterword · Performance",
        description="How long contexts, saves and the stores take. Tenant and agent choose in the hourly figures.",
        since="now-6h",
        refresh="1m",
        variables=(tenant(), agent()),
        rows=(
            Row(
                "Context",
                (_replies(), _reply_heatmap(), _context_steps(), _outcomes(), _bad(), _success(), _given(), _waits()),
            ),
            Row("Save", (_ingest(), _extraction(), _freshness(), _hourly_saves())),
            Row("Vector store and embedder", (_vector_store(), _vector_rates(), _embedder(), _cache(), _refused())),
            Row("By tenant and agent, from hourly figures", (_hourly_times(), _hourly_quality())),
        ),
    )


def _percentiles(histogram: str, where: str = "", shares: tuple[float, ...] = (0.5, 0.95, 0.99)) -> list[PromQL]:
    return [PromQL(quantile(share, histogram, where=where), f"p{share * 100:g}") for share in shares]


def _replies() -> Panel:
    what = "From the asking to the reply sent, the wait in the queue included. The aim: 95 % within 100 ms."
    queries = _percentiles(_CONTEXT, 'step="reply"')
    return timeseries("Context, asked to replied", what, *queries, unit="s", limits=RESPONSE)


def _reply_heatmap() -> Panel:
    text = f'sum by (le) (increase({_CONTEXT}_bucket{{step="reply"}}[$__rate_interval]))'
    what = "How many context requests took how long, from the asking to the reply sent."
    return heatmap("Context, distribution", what, PromQL(text, "{{le}}", buckets=True), unit="s")


def _context_steps() -> Panel:
    query = PromQL(quantile(0.95, _CONTEXT, "step"), "{{step}}")
    what = "p95 of each step: embed, search, rank; total is the worker's, reply includes the wait in the queue."
    return timeseries("Context by step, p95", what, query, unit="s", limits=RESPONSE)


def _outcomes() -> Panel:
    query = rate_by("afterword_context_requests_total", "outcome")
    what = "Context requests a second by outcome. Bad are degraded, expired and failed ones."
    return timeseries("Context by outcome", what, query, unit="reqps", stacked=True)


def _bad() -> Panel:
    degraded = PromQL(rate("afterword_context_degraded_total", "part"), "without {{part}}")
    bad = rate_by("afterword_context_requests_total", "outcome", where=BAD_REPLIES)
    what = "Context replies that something was missing in, by part, and those that were degraded, expired or failed."
    return timeseries("Degraded contexts", what, degraded, bad, unit="reqps")


def _success() -> Panel:
    passed = rate("afterword_relevance_gate_total", where='outcome="passed"')
    gate = PromQL(ratio(passed, rate("afterword_relevance_gate_total")), "passed the gate")
    won = rate("afterword_retrievals_total", where='outcome="success"')
    success = PromQL(ratio(won, rate("afterword_retrievals_total")), "retrieval success")
    what = (
        "Share of requests that the relevance gate let pass; and of those whose user has memories, the share that got "
        "some, undegraded. The alert is at 80 %."
    )
    return timeseries("Gate and retrieval success", what, gate, success, unit="percentunit", limits=SUCCESS, most=1)


def _given() -> Panel:
    query = rate_by("afterword_context_memories_total", "scope", "kind")
    what = "Memories a second that were sent in context replies, by scope and kind."
    return timeseries("Memories given", what, query, unit="ops", stacked=True)


def _ingest() -> Panel:
    query = PromQL(quantile(0.95, "afterword_ingest_seconds", "step"), "{{step}}")
    what = "p95 of taking one conversation in, by step; total is the save latency, which should stay below 1 s."
    return timeseries("Ingest by step, p95", what, query, unit="s", limits=SAVE)


def _extraction() -> Panel:
    query = PromQL(quantile(0.95, "afterword_extraction_seconds", "step"), "{{step}}")
    what = "p95 of an extraction batch by step: the call to the LLM, embedding, writing; total is claim to commit."
    return timeseries("Extraction by step, p95", what, query, unit="s")


def _freshness() -> Panel:
    claim = PromQL(quantile(0.95, "afterword_claim_wait_seconds"), "claim wait p95")
    queries = [*_percentiles("afterword_freshness_seconds", shares=(0.5, 0.95)), claim]
    what = (
        "From when a conversation was taken in to when all its facts can be recalled, the debounce included; "
        "and how long due subjects wait for their claim."
    )
    return timeseries("Freshness", what, *queries, unit="s")


def _waits() -> Panel:
    query = PromQL(quantile(0.95, "afterword_queue_wait_seconds", "queue"), "{{queue}}")
    what = "p95 from the sending of a message to the work that settled it, outboxes and retries included."
    return timeseries("Wait in the queues, p95", what, query, unit="s")


def _hourly_saves() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval), sum(saves) AS "Saves", sum(failed_saves) AS "Failed"
        FROM hourly_statistics
        WHERE {_CHOSEN} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Operations that save memories, and those that failed, of the chosen tenant and agent, in each hour or more."
    return timeseries("Saves", what, Sql(query, series=True), unit="short", interval="1h", bars=True)


def _vector_store() -> Panel:
    query = PromQL(quantile(0.95, "afterword_vector_store_seconds", "operation"), "{{operation}}")
    return timeseries("Vector store, p95", "p95 of a request to the vector store, by operation.", query, unit="s")


def _vector_rates() -> Panel:
    asked = rate_by("afterword_vector_store_seconds_count", "operation")
    failed = PromQL(rate("afterword_vector_store_errors_total", "operation"), "{{operation}} failed")
    what = "Requests to the vector store a second by operation, failed ones included, and those that failed."
    return timeseries("Vector store requests", what, asked, failed, unit="reqps")


def _embedder() -> Panel:
    queries = _percentiles("afterword_embedder_seconds", shares=(0.5, 0.95))
    what = "Time of a request to the embedder; what the cache answers is none."
    return timeseries("Embedder", what, *queries, unit="s")


def _cache() -> Panel:
    cached = rate("afterword_embedder_texts_total", where='source=~"cache|redis"')
    hits = PromQL(ratio(cached, rate("afterword_embedder_texts_total")), "texts from a cache")
    errors = ratio(rate("afterword_embedder_errors_total"), rate("afterword_embedder_seconds_count"))
    what = "Share of texts whose vectors came from a cache, the process's or Redis's, and of requests that failed."
    failed = PromQL(errors, "requests that failed")
    return timeseries("Embedder cache and errors", what, hits, failed, unit="percentunit", most=1)


def _refused() -> Panel:
    query = rate_by("afterword_embedder_refused_total", "outcome")
    what = (
        "Texts a second that the embedder refused: shortened ones it took in the end, those given up are found by "
        "their words alone."
    )
    return timeseries("Texts that the embedder refused", what, query, unit="ops", size=(24, 8))


def _hourly_times() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval), {mean("search_seconds", "searches")} AS "Context",
               max(slowest_search) AS "Slowest context", {mean("save_seconds", "saves")} AS "Save"
        FROM hourly_statistics
        WHERE {_CHOSEN} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Average time of context requests and saves, and the slowest request, of each hour or longer interval."
    return timeseries("Times", what, Sql(query, series=True), unit="s", interval="1h")


def _hourly_quality() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval),
               {mean("successful_searches", "eligible_searches")} AS "Retrieval success",
               {mean("relevance_sum", "relevance_count")} AS "Relevance",
               {mean("degraded_searches", "searches")} AS "Degraded",
               {mean("memories_given", "searches")} AS "Memories a context"
        FROM hourly_statistics
        WHERE {_CHOSEN} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Success, relevance (0 to 1), the share of degraded requests, and how many memories each gave."
    right = Column(name="Memories a context", unit="short", properties={"custom.axisPlacement": "right"})
    series = Sql(query, series=True)
    return timeseries("Quality", what, series, unit="percentunit", interval="1h", columns=(right,))
