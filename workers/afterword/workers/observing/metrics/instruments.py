"""The kinds of metrics that rooms declare: counters that begin at 0, gauges read from servers, shared buckets.

Labels are few and bounded: never a user, session or memory id. Times are in seconds, sizes in bytes. What happens is a
counter or a histogram of the process in which it happened; what stands in a server is a `Reading` of the scheduler.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Requests to what is near, and all that a prompt waits for; one bucket ends at the aim of 100 ms."""
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Work in the background, up to what a call to an LLM may take."""
WAITS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""From a queue that is empty to one behind an outage."""
LONG_WAITS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)
"""Waits behind a debounce of seconds to minutes, or behind an outage of hours."""

READING_SECONDS = 60.0
"""How long a reading is shown: four times the interval at which most are taken."""


OTHER = "other"


class BoundedLabel:
    """The values of a label that users fill, such as a tenant: the first so many of a process, `other` for the rest.

    Each value costs memory here and a series in Prometheus for ever; the ledger knows them all. Thread-safe.

    >>> tenant = BoundedLabel(most=1)
    >>> tenant.of("acme"), tenant.of("initech"), tenant.of("acme")
    ('acme', 'other', 'acme')
    """

    def __init__(self, most: int = 50) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def of(self, value: str) -> str:
        """The value as it is shown."""
        if value in self._known:
            return value
        with self._lock:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value


class Reading(Collector):
    """A gauge that is read from a server. Without a fresh reading it has no sample: none is better than a stale one.

    So a process that reads nothing shows nothing. Two that read the same show it twice: aggregate with `max`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        registry: CollectorRegistry,
        kept: float = READING_SECONDS,
    ) -> None:
        """`kept` is how many seconds a reading is shown."""
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._kept = kept
        # Replaced, never changed, so that a scrape needs no lock. Each value with when it was read.
        self._values: dict[tuple[str, ...], tuple[float, float]] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def show(self, value: float, *labels: str) -> None:
        """The reading for these label values; other labels keep theirs."""
        with self._lock:
            self._values = {**self._values, labels: (value, time.monotonic())}

    def show_all(self, values: Mapping[tuple[str, ...], float]) -> None:
        """The whole reading, by label values; labels that are not in it have no sample any more."""
        now = time.monotonic()
        self._values = {labels: (value, now) for labels, value in values.items()}

    def forget(self) -> None:
        """Its source is away."""
        self._values = {}

    def describe(self) -> Iterable[Metric]:
        """The name, for the registry."""
        return [GaugeMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        """The samples, if they are fresh."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=self._labels)
        oldest = time.monotonic() - self._kept
        for labels, (value, read_at) in self._values.items():
            if read_at >= oldest:
                family.add_metric(labels, value)
        return [family]


class Instruments:
    """The metrics of one room, declared on the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    def _counter(self, name: str, documentation: str, **values: Iterable[str]) -> Counter:
        """A counter whose labels take these values.

        Each series begins at 0: `increase` does not see the first count of a series that was not there before.
        """
        counter = Counter(f"afterword_{name}", documentation, list(values), registry=self.registry)
        for labels in product(*values.values()):
            counter.labels(*labels)
        return counter

    def _reading(self, name: str, documentation: str, *labels: str, kept: float = READING_SECONDS) -> Reading:
        return Reading(f"afterword_{name}", documentation, labels, registry=self.registry, kept=kept)
