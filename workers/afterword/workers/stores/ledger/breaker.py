"""The breaker of the LLM, shared by all processes: open, nobody extracts but one probe at a time.

It opens when the provider refuses us, or fails several times in a row, and stays open for as long as the provider
asked for, or a growing delay. All times are PostgreSQL's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.tables import breakers

_NAME = "llm"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`failures` in a row open it; the delay begins at `first`, doubles up to `longest`; a probe may take `probe`."""

    failures: int
    first: timedelta
    longest: timedelta
    probe: timedelta

    def delay(self, failures: int, asked: timedelta) -> timedelta:
        """How long it stays open after this many failures in a row, when the provider asked for `asked`."""
        grown = self.first * (1 << min(max(failures - self.failures, 0), 20))
        return min(max(grown, asked), self.longest)


# An open breaker whose delay is over lets one through: whoever gets to move the probe's time.
_PROBE = text(
    """
    UPDATE breakers SET probe_until = clock_timestamp() + :probe
    WHERE name = :name AND open_until <= clock_timestamp()
      AND (probe_until IS NULL OR probe_until <= clock_timestamp())
    RETURNING name
    """
)


def lets_through(connection: Connection, policy: BreakerPolicy) -> bool:
    """Whether an extraction may begin: the breaker is closed, or this is the one probe."""
    if not is_open(connection):
        return True
    return connection.execute(_PROBE, {"name": _NAME, "probe": policy.probe}).first() is not None


def is_open(connection: Connection) -> bool:
    """Whether extraction is paused, probes aside."""
    found = select(breakers.c.open_until).where(breakers.c.name == _NAME)
    return connection.execute(found).scalar_one_or_none() is not None


def succeeded(connection: Connection) -> None:
    """The LLM answered: close it, and count failures anew."""
    failing = (breakers.c.failures > 0) | breakers.c.open_until.is_not(None)
    connection.execute(
        update(breakers)
        .where(breakers.c.name == _NAME, failing)
        .values(failures=0, open_until=None, probe_until=None, reason=None)
    )


def failed(
    connection: Connection, policy: BreakerPolicy, *, reason: str, asked: timedelta, at_once: bool
) -> timedelta | None:
    """The LLM failed: open it `at_once`, or at the policy's number of failures in a row; for how long, if so."""
    statement = insert(breakers).values(name=_NAME, failures=1)
    counted = statement.on_conflict_do_update(
        index_elements=["name"], set_={"failures": breakers.c.failures + 1}
    ).returning(breakers.c.failures)
    failures = int(connection.execute(counted).scalar_one())
    if failures < policy.failures and not at_once:
        return None
    delay = policy.delay(failures, asked)
    connection.execute(
        update(breakers)
        .where(breakers.c.name == _NAME)
        .values(open_until=func.clock_timestamp() + delay, probe_until=None, reason=reason)
    )
    return delay
