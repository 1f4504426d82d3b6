"""Dead letters: messages and conversations that were given up on."""

from __future__ import annotations

from ops.grafana.boards.users import USER_LINK
from ops.grafana.dashboard import Row
from ops.grafana.panels import Column, Panel, table, timeseries
from ops.grafana.promql import standing_by, total
from ops.grafana.queries import PromQL, Sql
from ops.grafana.variables import tenant

_IN_TENANT = tenant().matches("tenant_id")


def dead_letters() -> Row:
    return Row("Dead letters", (_dead_rate(), _dead_age(), _dead_table()))


def _dead_rate() -> Panel:
    query = PromQL(total("afterword_dead_letters_total", "queue", over="$__rate_interval"), "{{queue}}")
    what = "Messages given up on, by queue; those of extraction are conversations."
    return timeseries("Given up on", what, query, unit="short", bars=True)


def _dead_age() -> Panel:
    query = standing_by("afterword_oldest_dead_letter_age_seconds", "queue")
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
