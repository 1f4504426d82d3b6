"""The exposition: what a process shows of its metrics.

Every process declares every metric, so that a name means the same everywhere. Metrics of its own rooms are shown from
0 on, since `increase` does not see the first count of a series that was not there before. Metrics of other rooms are
shown only once it has counted or read something.
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
        """`queue` is the queue that the process works on, if any. It shows no zeros of other queues."""
        self._registry = registry
        self._own = frozenset(name for room in rooms for name in _names(room))
        self._queue = queue

    def collect(self) -> Iterable[Metric]:
        """The metrics without the times at which their series began: they double the size and nobody asks for them."""
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
        # Families without our prefix, such as the memory of the process, belong to every process. A gauge has a sample
        # only where it was set or read: its 0 says something, whichever room declares it.
        return family.name in self._own or family.type == "gauge" or not family.name.startswith("afterword_")

    def _is_of_another_queue(self, sample: Sample) -> bool:
        return self._queue is not None and sample.labels.get("queue", self._queue) != self._queue


def _names(room: type[Instruments]) -> set[str]:
    # Declared once more on a registry of their own, only to learn their names.
    return {family.name for family in room(CollectorRegistry()).registry.collect()}
