"""Where the workers' own figures are read: from Prometheus, or from each worker's /metrics."""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from prometheus_client.parser import text_string_to_metric_families

from afterword.schemas.errors import AfterwordError
from ops.load.measured import INGESTED, REPLIES, REQUESTS, Measured, Sample, measured, quantile

_SECONDS = 10.0
_SCRAPED_WITHIN = 120.0


class NotMeasured(AfterwordError):
    """The workers' figures could not be read."""


class Source(Protocol):
    """Raises: NotMeasured."""

    def read(self) -> Measured:
        """The figures, none older than this call."""

    def quantile(self, share: float, before: Measured, after: Measured) -> float:
        """Of the times from the asking to the reply sent, between two readings, in seconds."""


class Workers:
    """The /metrics of every worker, or of those that ingest and answer at least."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    def read(self) -> Measured:
        """Scrape them."""
        return measured(time.time(), [sample for url in self._urls for sample in _scraped(url)])

    def quantile(self, share: float, before: Measured, after: Measured) -> float:
        """As PromQL would."""
        return quantile(share, after.since(before).replies)


class Prometheus:
    """A server that scrapes the workers."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def read(self) -> Measured:
        """Wait until every worker has been scraped once more, then ask."""
        asked = time.time()
        while self._scraped_at() < asked:
            if time.time() - asked > _SCRAPED_WITHIN:
                raise NotMeasured(
                    f"{self._url} has not scraped an ingest and a context worker for {_SCRAPED_WITHIN:.0f} s"
                )
            time.sleep(0.2)
        return measured(time.time(), self._samples())

    def quantile(self, share: float, before: Measured, after: Measured) -> float:
        """By histogram_quantile over the time between the readings."""
        window = math.ceil(after.at - before.at)
        increase = f'sum by (le) (increase({REPLIES}{{step="reply"}}[{window}s]))'
        found = self._query(f"histogram_quantile({share}, {increase})")
        return float(found[0]["value"][1]) if found else math.nan

    def _scraped_at(self) -> float:
        """When the one that was scraped least lately was; never, while one of the roles is missing."""
        found = self._query('min by (role) (timestamp(afterword_worker_up{role=~"context|ingest"}))')
        return min(float(each["value"][1]) for each in found) if len(found) == 2 else 0.0

    def _samples(self) -> Iterator[Sample]:
        for series in self._query(f'{{__name__=~"{REPLIES}|{REQUESTS}|{INGESTED}"}}'):
            labels = series["metric"]
            yield labels["__name__"], labels, float(series["value"][1])

    def _query(self, expression: str) -> list[Any]:
        answer = json.loads(_got(f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        return list(answer["data"]["result"])


def _scraped(url: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(_got(url)):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def _got(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:
            return str(response.read().decode())
    except OSError as error:
        raise NotMeasured(f"{url}: {error}") from error
