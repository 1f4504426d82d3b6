"""Wiring of analytics: figures, snapshots, retention, and the log of queries."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from afterword.schemas.wire import Queue
from afterword.workers.broker import MendedBroker
from afterword.workers.core.messages import QueryEvents
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.analytics.figures import Figures
from afterword.workers.services.analytics.retention import Retention
from afterword.workers.services.analytics.snapshots import Snapshots
from afterword.workers.services.analytics.telemetry import QueryLog


class AnalyticsRoom:
    """Figures of usage: kept, and asked for."""

    def __init__(self, ground: Ground, *, stores: StoreRoom) -> None:
        self._ground = ground
        self._stores = stores

    @cached_property
    def figures(self) -> Figures:
        """Tells figures of usage."""
        return Figures(database=self._stores.database, enabled=self._ground.settings.analytics)

    @cached_property
    def snapshots(self) -> Snapshots:
        """Takes a snapshot each interval."""
        interval = timedelta(seconds=self._ground.settings.analytics_interval)
        return Snapshots(database=self._stores.database, admin=self._stores.admin, interval=interval)

    @cached_property
    def retention(self) -> Retention:
        """Removes figures that are too old."""
        settings = self._ground.settings
        return Retention(
            database=self._stores.database,
            queries=timedelta(days=settings.keep_query_days),
            snapshots=timedelta(days=settings.keep_snapshot_days),
            statistics=timedelta(days=settings.keep_statistic_days),
        )

    def open_query_log(self, broker: MendedBroker) -> QueryLog | None:
        """Notes queries that were answered, and sends them over this broker; None where analytics are off."""
        settings = self._ground.settings
        if not settings.analytics:
            return None

        def send(events: QueryEvents) -> None:
            broker.admin.enqueue_body(Queue.TELEMETRY, events)

        return QueryLog(send=send, metrics=self._ground.metrics, keep_words=settings.analytics_query_text)
