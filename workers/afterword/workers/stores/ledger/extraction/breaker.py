"""The breaker of the LLM, shared by all processes: open, nobody extracts but one probe at a time.

It opens when the provider refuses us, or fails several times in a row. It stays open for as long as the provider asked,
or for a growing delay. Only its probe can close it or lengthen the delay; calls that began before it opened do neither.
All times are PostgreSQL's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Table, Text, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import count, metadata, moment

breakers = Table(
    "breakers",
    metadata,
    Column("name", Text, primary_key=True),
    count("failures"),
    # NULL: closed
    moment("open_until"),
    moment("probe_until"),
    Column("reason", Text),
)

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
        # Bounded: far beyond any `longest`, a timedelta would overflow.
        grown = self.first * (1 << min(max(failures - self.failures, 0), 20))
        return min(max(grown, asked), self.longest)


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to ask the LLM; a probe's names the time until which it is the only one."""

    probe_until: datetime | None = None

    @property
    def is_probe(self) -> bool:
        return self.probe_until is not None


# An open breaker whose delay is over lets one through: whoever gets to move the probe's time.
_PROBE = text(
    """
    UPDATE breakers SET probe_until = clock_timestamp() + :probe
    WHERE name = :name AND open_until <= clock_timestamp()
      AND (probe_until IS NULL OR probe_until <= clock_timestamp())
    RETURNING probe_until
    """
)


def take_permit(connection: Connection, policy: BreakerPolicy) -> Permit | None:
    """Leave to begin an extraction: the breaker is closed, or this is the one probe. None: not now."""
    if not is_open(connection):
        return Permit()
    until = connection.execute(_PROBE, {"name": _NAME, "probe": policy.probe}).scalar_one_or_none()
    return Permit(until) if until else None


def hand_back(connection: Connection, permit: Permit) -> None:
    """A probe that did not get to ask the LLM: another may. One whose outcome was told is left as it is."""
    if permit.is_probe:
        connection.execute(
            update(breakers)
            .where(breakers.c.name == _NAME, breakers.c.probe_until == permit.probe_until)
            .values(probe_until=None)
        )


def is_open(connection: Connection) -> bool:
    """Whether extraction is paused, probes aside."""
    # Not compared with the clock: after its delay it still lets only a probe through, until one has succeeded.
    found = select(breakers.c.open_until).where(breakers.c.name == _NAME)
    return connection.execute(found).scalar_one_or_none() is not None


def note_success(connection: Connection, permit: Permit) -> None:
    """The LLM answered: count failures anew, and close the breaker if this was its probe."""
    if permit.is_probe:
        # By its time, so that a probe that was given up and replaced cannot speak for the next one.
        told = breakers.c.probe_until == permit.probe_until
    else:
        told = breakers.c.open_until.is_(None) & (breakers.c.failures > 0)
    connection.execute(
        update(breakers)
        .where(breakers.c.name == _NAME, told)
        .values(failures=0, open_until=None, probe_until=None, reason=None)
    )


def note_failure(
    connection: Connection, policy: BreakerPolicy, permit: Permit, *, reason: str, asked: timedelta, at_once: bool
) -> timedelta | None:
    """The LLM failed: open it `at_once`, or at the policy's number of failures in a row; for how long, if so."""
    connection.execute(insert(breakers).values(name=_NAME).on_conflict_do_nothing())
    # Locked, so that failures of two workers at once count as two.
    now = connection.execute(_LOCKED).one()
    probed = permit.is_probe and now.probe_until == permit.probe_until
    if now.open_until is not None and not probed:
        # Begun before it opened: the wait that the provider asks for is heeded, and the failure counts for nothing
        # else.
        later = func.greatest(breakers.c.open_until, func.clock_timestamp() + min(asked, policy.longest))
        _set(connection, open_until=later)
        return None
    failures = max(now.failures + 1, policy.failures if at_once else 0)
    if failures < policy.failures and not probed:
        _set(connection, failures=failures)
        return None
    delay = policy.delay(failures, asked)
    until = func.clock_timestamp() + delay
    _set(connection, failures=failures, open_until=until, probe_until=None, reason=reason)
    return delay


_LOCKED = (
    select(breakers.c.failures, breakers.c.open_until, breakers.c.probe_until)
    .where(breakers.c.name == _NAME)
    .with_for_update()
)


def _set(connection: Connection, **values: object) -> None:
    connection.execute(update(breakers).where(breakers.c.name == _NAME).values(**values))
