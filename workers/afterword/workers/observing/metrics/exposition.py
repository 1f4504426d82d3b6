"""The exposition: what a process shows of its metrics.

Every process declares every metric, so that all say the same of a name. It shows its own rooms' from 0 on, since
`increase` does not see the first count of a series that was not there before; of other rooms' only what it counted or
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from afterword.workers.observing.metrics.instruments import Instruments


class Exposition(Collector):
    """A registry as one process shows it. Without rooms it shows everything."""

    def __init__(
        self, registry: CollectorRegistry, rooms: Sequence[type[Instruments]] = (), *, queue: str | None = None
    ) -> None:
        """`queue` is the one that the process works on, if it is one: zeros of other queues are not its own."""
        self._registry = registry
        self._own = frozenset(name for room in rooms for name in _names(room))
        self._queue = queue

    def collect(self) -> Iterable[Metric]:
        """The metrics, without the times at which each series began: nobody asks for them, and they double the size."""
        for family in self._registry.collect():
            samples = list(self._shown(family))
            if samples:
                shown = Metric(family.name, family.documentation, family.type, family.unit)
                shown.samples = samples
                yield shown

    def _shown(self, family: Metric) -> Iterator[Sample]:
        samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        if not self._own or any(sample.value for sample in samples) or self._is_own(family):
            yield from (sample for sample in samples if sample.value or not self._is_of_another_queue(sample))

    def _is_own(self, family: Metric) -> bool:
        # A gauge has a sample only where it was set or read: its 0 says something, whosever room it is of.
        return family.name in self._own or family.type == "gauge" or not family.name.startswith("afterword_")

    def _is_of_another_queue(self, sample: Sample) -> bool:
        return self._queue is not None and sample.labels.get("queue", self._queue) != self._queue


def _names(room: type[Instruments]) -> set[str]:
    return {family.name for family in room(CollectorRegistry()).registry.collect()}
