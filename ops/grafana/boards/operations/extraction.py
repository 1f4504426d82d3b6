"""The LLM and its cost, and what becomes of conversations."""

from __future__ import annotations

from ops.grafana.dashboard import Row
from ops.grafana.panels import Panel, bar_gauge, timeseries
from ops.grafana.promql import quantile, rate, rate_by, total
from ops.grafana.queries import PromQL


def llm() -> Row:
    return Row(
        "The LLM", (_calls(), _llm_seconds(), _tokens(), _cost_rate(), _cost(), _tokens_by_tenant(), _odd_items())
    )


def extraction() -> Row:
    return Row("Extraction", (_batches(), _conversations(), _publishes(), _dropped(), _skipped()))


def _calls() -> Panel:
    query = rate_by("afterword_llm_calls_total", "model", "outcome")
    what = "Calls to the LLM a second by model and outcome."
    return timeseries("Calls", what, query, unit="reqps", size=(8, 8))


def _llm_seconds() -> Panel:
    queries = [
        PromQL(quantile(q, "afterword_llm_seconds", "model"), f"{{{{model}}}} p{q * 100:g}") for q in (0.5, 0.95)
    ]
    return timeseries("Time of a call", "Time of a call to the LLM, by model.", *queries, unit="s", size=(8, 8))


def _tokens() -> Panel:
    query = rate_by("afterword_llm_tokens_total", "model", "type")
    what = "Tokens a second by model and type; cached ones are a part of the prompt's."
    return timeseries("Tokens", what, query, unit="cps", size=(8, 8))


def _cost_rate() -> Panel:
    query = PromQL("sum by (model) (rate(afterword_llm_cost_dollars_total[$__rate_interval])) * 86400", "{{model}}")
    what = "US dollars a day at the pace of each moment, by model; a model without a price has none."
    return timeseries("Cost a day", what, query, unit="currencyUSD", size=(8, 8))


def _cost() -> Panel:
    query = PromQL(total("afterword_llm_cost_dollars_total", "tenant"), "{{tenant}}", instant=True)
    what = "US dollars of the range by tenant, at the prices that are set; tenants beyond the first 50 are other."
    return bar_gauge("Cost by tenant", what, query, unit="currencyUSD", size=(8, 8))


def _tokens_by_tenant() -> Panel:
    query = PromQL(total("afterword_llm_tokens_total", "tenant", where='type!="cached"'), "{{tenant}}", instant=True)
    what = "Tokens of prompts and completions of the range, by tenant; those beyond the first 50 are other."
    return bar_gauge("Tokens by tenant", what, query, unit="short", size=(8, 8))


def _odd_items() -> Panel:
    query = rate_by("afterword_llm_odd_items_total", "type")
    what = (
        "Items a second of the LLM's answers that were left out (no_text: without a fact, too_many: beyond the first "
        "200) or cut (too_long). The rest of each answer is kept."
    )
    return timeseries("Odd items in answers", what, query, unit="ops", size=(24, 8))


def _batches() -> Panel:
    query = rate_by("afterword_extractions_total", "outcome")
    what = "Extraction batches a second by outcome."
    return timeseries("Batches", what, query, unit="ops", stacked=True)


def _conversations() -> Panel:
    taken = PromQL(rate("afterword_ingested_conversations_total", "outcome"), "taken in: {{outcome}}")
    extracted = PromQL(rate("afterword_extracted_conversations_total", "outcome"), "extracted: {{outcome}}")
    cut = PromQL(rate("afterword_redacted_texts_total", "rule"), "redacted texts: {{rule}}")
    what = "Conversations a second that were taken in, and whose extraction ended, by outcome; redacted texts."
    return timeseries("Conversations", what, taken, extracted, cut, unit="ops")


def _publishes() -> Panel:
    query = rate_by("afterword_publishes_total", "outcome")
    what = "Events a second as their publishers saw them, told with their next event: dropped ones are lost."
    return timeseries("Publishes", what, query, unit="reqps")


def _dropped() -> Panel:
    query = PromQL(rate("afterword_telemetry_dropped_total"), "dropped")
    what = "Query events a second that were not recorded: the figures of the ledger miss them."
    return timeseries("Telemetry dropped", what, query, unit="ops")


def _skipped() -> Panel:
    query = PromQL(rate("afterword_messages_skipped_total"), "skipped")
    what = (
        "Items a second that stood among the messages of events and were none: calls of tools and reasoning, or a "
        "shape that is not known. The rest of each conversation is kept."
    )
    return timeseries("Skipped messages", what, query, unit="ops", size=(24, 8))
