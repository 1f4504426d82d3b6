"""Operations: queues, dead letters, the LLM and what it costs, the scheduler, processes and servers."""

from __future__ import annotations

from ops.grafana.boards.overview import UP
from ops.grafana.boards.users import USER_LINK
from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Column, Panel, at_most, bar_gauge, stat, states, table, timeseries
from ops.grafana.promql import quantile, rate, standing, total
from ops.grafana.queries import PromQL, Sql
from ops.grafana.variables import tenant

_BREAKER = {0: ("closed", "green"), 1: ("open", "red")}
_GATE = {0: ("refuses writes", "red"), 1: ("takes writes", "green")}
_HELD = {0: ("none", "orange"), 1: ("some", "green")}
_LEADER = {0: ("nobody leads", "red"), 1: ("led", "green")}
_TENANT = f"tenant_id = {tenant().chosen}"
_IN_TENANT = tenant().matches("tenant_id")


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
            Row("Health", (_components(), _workers(), _breaker(), _leader(), _standing_dead(), _builds())),
            Row(
                "Queues",
                (_messages(), _ages(), _retries(), _subjects(), _due(), _erasures(), _commands(), _command_seconds()),
            ),
            Row("Queues in trouble", (_stalled(), _unkept())),
            Row("Dead letters", (_dead_rate(), _dead_age(), _dead_table())),
            Row("Deletions", (_deletion_age(), _deletion_table())),
            Row(
                "The LLM",
                (_calls(), _llm_seconds(), _tokens(), _cost_rate(), _cost(), _tokens_by_tenant(), _odd_items()),
            ),
            Row("Extraction", (_batches(), _conversations(), _publishes(), _dropped(), _skipped())),
            Row("Scheduler", (_task_ages(), _task_failures(), _task_seconds(), _policies(), _over_quota())),
            Row("Processes", (_memory(), _cpu(), _files())),
            Row("Servers", (_collection(), _redis(), _points(), _sizes(), _reconciled(), _gates(), _held())),
        ),
    )


# Health


def _components() -> Panel:
    query = PromQL(standing("afterword_component_up", "component"), "{{component}}")
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


# Queues


def _messages() -> Panel:
    query = PromQL(standing("afterword_queue_messages", "queue", "state"), "{{queue}} {{state}}")
    what = "Messages by queue: waiting, in flight with workers, delayed for a retry, dead (for seconds, until kept)."
    return timeseries("Messages", what, query, unit="short")


def _ages() -> Panel:
    query = PromQL(standing("afterword_oldest_message_age_seconds", "queue"), "{{queue}}")
    what = "Age of the message that is next in its queue; 0 when none waits."
    return timeseries("Oldest message", what, query, unit="s", limits=at_most(warning=60, bad=300))


def _retries() -> Panel:
    retried = PromQL(rate("afterword_message_retries_total", "queue"), "{{queue}}")
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
    done = PromQL(rate("afterword_commands_total", "command", "outcome"), "{{command}} {{outcome}}")
    what = "Memory commands a second by name and outcome."
    return timeseries("Commands", what, done, unit="reqps")


def _command_seconds() -> Panel:
    query = PromQL(quantile(0.95, "afterword_command_seconds", "command"), "{{command}}")
    return timeseries("Time of a command, p95", "p95 to run a command and send its reply.", query, unit="s")


def _stalled() -> Panel:
    query = PromQL(standing("afterword_worker_stalled", "queue", "instance"), "{{queue}} {{instance}}")
    what = "1 while a worker has messages of its queue and finishes none; /readyz of that worker says how many."
    return timeseries("Stalled workers", what, query, unit="short")


def _unkept() -> Panel:
    query = PromQL(standing("afterword_dead_messages_unkept", "queue"), "{{queue}}")
    what = "Dead messages that PostgreSQL refuses: they stay in Redis for a week. The scheduler's log says why."
    return timeseries("Dead messages not kept", what, query, unit="short")


# Dead letters


def _dead_rate() -> Panel:
    query = PromQL(total("afterword_dead_letters_total", "queue", over="$__rate_interval"), "{{queue}}")
    what = "Messages given up on, by queue; those of extraction are conversations."
    return timeseries("Given up on", what, query, unit="short", bars=True)


def _dead_age() -> Panel:
    query = PromQL(standing("afterword_oldest_dead_letter_age_seconds", "queue"), "{{queue}}")
    what = "Age of the oldest dead letter that waits for somebody; 0 when there is none."
    return timeseries("Oldest dead letter", what, query, unit="s")


def _dead_table() -> Panel:
    query = f"""
        SELECT id AS "Id", died_at AS "Died", queue AS "Queue", tenant_id AS "Tenant", user_id AS "User",
               event_id AS "Event", error AS "Error"
        FROM dead_letters
        WHERE {_IN_TENANT}
        ORDER BY id DESC
        LIMIT 50
    """
    columns = (
        Column(name="Id", width=80),
        Column(name="Died", unit="dateTimeAsIso", width=180),
        Column(name="User", link=USER_LINK),
    )
    what = "The last 50 whenever they died, by the id that afterword deadletters show, replay and discard take."
    return table("Last dead letters", what, Sql(query), columns=columns, size=(24, 8))


# Deletions


def _deletion_age() -> Panel:
    query = PromQL(standing("afterword_oldest_pending_deletion_age_seconds"), "oldest")
    what = "How long the vector store owes a deletion. It holds already: nobody is shown what it names."
    return timeseries(
        "Oldest pending deletion", what, query, unit="s", limits=at_most(warning=300, bad=900), size=(8, 8)
    )


def _deletion_table() -> Panel:
    query = f"""
        SELECT requested_at AS "Asked for", tenant_id AS "Tenant", user_id AS "User", agent_id AS "Agent",
               session_id AS "Session", everything AS "Everything", known AS "Memories", requested_by AS "By",
               finished_at AS "Carried out"
        FROM deletions
        WHERE {_IN_TENANT}
        ORDER BY finished_at IS NULL DESC, id DESC
        LIMIT 50
    """
    columns = (
        Column(name="Asked for", unit="dateTimeAsIso", width=180),
        Column(name="Carried out", unit="dateTimeAsIso", width=180),
    )
    what = "The last 50 deletions whenever they were asked for, those that are not carried out first."
    return table("Last deletions", what, Sql(query), columns=columns, size=(16, 8))


# The LLM


def _calls() -> Panel:
    query = PromQL(rate("afterword_llm_calls_total", "model", "outcome"), "{{model}} {{outcome}}")
    what = "Calls to the LLM a second by model and outcome."
    return timeseries("Calls", what, query, unit="reqps", size=(8, 8))


def _llm_seconds() -> Panel:
    queries = [
        PromQL(quantile(q, "afterword_llm_seconds", "model"), f"{{{{model}}}} p{q * 100:g}") for q in (0.5, 0.95)
    ]
    return timeseries("Time of a call", "Time of a call to the LLM, by model.", *queries, unit="s", size=(8, 8))


def _tokens() -> Panel:
    query = PromQL(rate("afterword_llm_tokens_total", "model", "type"), "{{model}} {{type}}")
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
    query = PromQL(rate("afterword_llm_odd_items_total", "type"), "{{type}}")
    what = (
        "Items a second of the LLM's answers that were left out (no_text: without a fact, too_many: beyond the first "
        "200) or cut (too_long). The rest of each answer is kept."
    )
    return timeseries("Odd items in answers", what, query, unit="ops", size=(24, 8))


# Extraction


def _batches() -> Panel:
    query = PromQL(rate("afterword_extractions_total", "outcome"), "{{outcome}}")
    what = "Extraction batches a second by outcome."
    return timeseries("Batches", what, query, unit="ops", stacked=True)


def _conversations() -> Panel:
    taken = PromQL(rate("afterword_ingested_conversations_total", "outcome"), "taken in: {{outcome}}")
    extracted = PromQL(rate("afterword_extracted_conversations_total", "outcome"), "extracted: {{outcome}}")
    cut = PromQL(rate("afterword_redacted_texts_total", "rule"), "redacted texts: {{rule}}")
    what = "Conversations a second that were taken in, and whose extraction ended, by outcome; redacted texts."
    return timeseries("Conversations", what, taken, extracted, cut, unit="ops")


def _publishes() -> Panel:
    query = PromQL(rate("afterword_publishes_total", "outcome"), "{{outcome}}")
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


# Scheduler


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


def _policies() -> Panel:
    query = PromQL(rate("afterword_policy_effects_total", "type"), "{{type}}")
    what = (
        "What policies took a second: memories past their retention or over a cap, memories that were archived, "
        "transcripts, rows of the audit."
    )
    return timeseries("Taken by policies", what, query, unit="ops", size=(12, 7))


def _over_quota() -> Panel:
    query = PromQL(standing("afterword_over_quota", "type"), "{{type}}s")
    what = "Users and agents of whom more is kept than their quota; `afterword analytics storage` names them."
    return timeseries("Over quota", what, query, unit="short", size=(12, 7))


def _task_seconds() -> Panel:
    query = PromQL(quantile(0.95, "afterword_scheduler_task_seconds", "task"), "{{task}}")
    return timeseries("Time of a run, p95", "p95 of a run, by task.", query, unit="s", size=(8, 9))


# Processes: Prometheus labels each with the Compose service that it is a replica of.


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


# Servers


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
    query = PromQL(standing("afterword_vector_store_memories", "scope", "kind"), "{{scope}} {{kind}}")
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
    query = PromQL(standing("afterword_ledger_gate_open", "service", "instance"), "{{service}} {{instance}}")
    what = "Whether workers find that PostgreSQL takes writes; one that does not leaves its messages in the queue."
    return states("PostgreSQL takes writes", what, query, words=_GATE)


def _held() -> Panel:
    ledger = PromQL(standing("afterword_ledger_holds_memories"), "PostgreSQL knows memories")
    store = PromQL(standing("afterword_vector_store_points") + " > bool 0", "Qdrant holds memories")
    what = "When PostgreSQL knows memories and Qdrant holds none, they were lost: see AfterwordMemoriesLost."
    return states("Memories there", what, ledger, store, words=_HELD)
