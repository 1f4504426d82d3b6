"""Limits behind the door: how many publishes, contexts and commands a user, an agent and a tenant may have.

They hold for whoever reaches Redis. The rules are policies: a user's and an agent's own, else those of the tenant, else
the settings. A limit must not become an outage: while Redis does not count, everybody is let in, and that is told.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from afterword.schemas.errors import MemoryUnavailable
from afterword.schemas.limits import LimitedKind, LimitedOwner, LimitPeriod
from afterword.workers.broker import Window, WindowCounter
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.outages import CALM_SECONDS, Outage
from afterword.workers.stores.ledger import policies
from afterword.workers.stores.ledger.background_reading import BackgroundReading
from afterword.workers.stores.ledger.database import Database

logger = logging.getLogger(__name__)

_READ_SECONDS: Final = 5.0
"""How old the rules may be: they change seldom, and there may be as many as users."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Whose request it is: a tenant's, and where they are named a user's and an agent's."""

    tenant_id: str
    user_id: str | None = None
    agent_id: str | None = None

    @property
    def owners(self) -> Mapping[LimitedOwner, str]:
        """Those whose requests it is one of, the narrowest first."""
        named = {
            LimitedOwner.USER: self.user_id,
            LimitedOwner.AGENT: self.agent_id,
            LimitedOwner.TENANT: self.tenant_id,
        }
        return {owner: id for owner, id in named.items() if id}


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """A limit that concerns a request: so many of a kind, of this owner, in a period."""

    kind: LimitedKind
    owner: LimitedOwner
    period: LimitPeriod
    most: int

    def __str__(self) -> str:
        return f"{self.most} {self.kind} a {self.period} are allowed for this {self.owner}"


@dataclass(frozen=True, slots=True)
class OverBound:
    """A limit that a request is over, and in how many seconds there is room for one more."""

    bound: RequestLimit
    retry_after: int

    def __str__(self) -> str:
        return f"{self.bound}: try again in {self.retry_after} s"


class LimitBook:
    """The limits in force, read from the ledger now and then. Thread-safe; nobody waits for it. While the ledger is
    away the last ones hold.
    """

    def __init__(self, database: Database, defaults: Mapping[str, int]) -> None:
        """`defaults` hold for every tenant whose policies do not name them."""
        self._database = database
        self._defaults = {name: most for name, most in defaults.items() if most}
        # By tenant, agent and user, as in `PolicyRow`; replaced as a whole, never changed.
        self._written: Mapping[tuple[str, str, str], Mapping[str, int]] = {}
        self._limited: frozenset[str] = frozenset()
        self._reading = BackgroundReading(self.read, name="limits", seconds=_READ_SECONDS)

    def bounds(self, kind: LimitedKind, requester: Requester) -> list[RequestLimit]:
        """The limits that concern a request, the narrowest owner first; none for a tenant without limits."""
        self._reading.refresh()
        if not self._defaults and requester.tenant_id not in self._limited:
            return []
        return list(self._bounds(kind, requester))

    def _bounds(self, kind: LimitedKind, requester: Requester) -> Iterator[RequestLimit]:
        written, tenant_id = self._written, requester.tenant_id
        own = {
            LimitedOwner.USER: written.get((tenant_id, "", requester.user_id or "")),
            LimitedOwner.AGENT: written.get((tenant_id, requester.agent_id or "", "")),
        }
        of_all = (written.get((tenant_id, "", "")), self._defaults)
        for owner in requester.owners:
            for period in LimitPeriod:
                name = f"{kind}.{owner}.{period}"
                said = (level[name] for level in (own.get(owner), *of_all) if level and name in level)
                if most := next(said, 0):
                    yield RequestLimit(kind, owner, period, most)

    def read(self) -> None:
        """Read the limits now. While the ledger is away the last ones hold."""
        with suppress(LedgerUnavailable):
            with self._database.transaction() as connection:
                found = policies.saying(connection, "limits")
            self._written = {(row.tenant_id, row.agent_id, row.user_id): row.rules["limits"] for row in found}
            self._limited = frozenset(row.tenant_id for row in found)

    def close(self) -> None:
        """Read no more, after the reading at hand."""
        self._reading.close()


class RequestLimits:
    """Counts requests, and tells which limit one is over. Without limits it asks nobody. Thread-safe.

    >>> limits.over(LimitedKind.CONTEXTS, Requester("acme", "ann"))  # doctest: +SKIP
    OverBound(bound=RequestLimit(kind=<LimitedKind.CONTEXTS: 'contexts'>, ...), retry_after=12)
    """

    def __init__(self, book: LimitBook, counter: WindowCounter, metrics: Metrics) -> None:
        self._book = book
        self._counter = counter
        self._metrics = metrics
        self._outage = Outage(logger, gone="limits are not checked", back="limits are checked again", calm=CALM_SECONDS)

    def over(self, kind: LimitedKind, requester: Requester) -> OverBound | None:
        """Count a request; or, where a limit has no room for it, count nothing and name that limit."""
        bounds = self._book.bounds(kind, requester)
        if not bounds:
            return None
        try:
            full = self._counter.take([_window(bound, requester) for bound in bounds])
        except MemoryUnavailable as error:
            self._outage.note(str(error))
            self._metrics.limited.labels(kind, "unchecked").inc()
            return None
        self._outage.note(None)
        if full is None:
            self._metrics.limited.labels(kind, "let_in").inc()
            return None
        bound = bounds[full.place]
        self._metrics.limited.labels(kind, f"over_{bound.owner}").inc()
        return OverBound(bound, max(-(-full.wait_ms // 1000), 1))

    def concern(self, kind: LimitedKind, requester: Requester) -> bool:
        """Whether any limit concerns such a request."""
        return bool(self._book.bounds(kind, requester))


def _window(bound: RequestLimit, requester: Requester) -> Window:
    # No ids in keys: whoever may list the keys of Redis must not read from them who is there.
    whose = f"{bound.owner}\n{requester.tenant_id}\n{requester.owners[bound.owner]}"
    digest = hashlib.sha256(whose.encode()).hexdigest()[:24]
    return Window(f"{bound.kind}:{bound.period}:{digest}", bound.most, bound.period.milliseconds)
