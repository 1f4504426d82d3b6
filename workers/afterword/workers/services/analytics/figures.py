"""Figures of usage, told on request: a tenant's, and a user's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from afterword.schemas import ActiveUsers, DayFigures, Overview, Period, UserAnalytics
from afterword.workers.core.errors import AnalyticsOff
from afterword.workers.stores.ledger.analytics import figures, snapshots
from afterword.workers.stores.ledger.analytics.figures import Sums
from afterword.workers.stores.ledger.analytics.snapshots import SNAPSHOT
from afterword.workers.stores.ledger.analytics.statistics import day_of
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import milestones


class Figures:
    """Tells figures from what was counted. Every method raises LedgerUnavailable, and AnalyticsOff where nothing is
    counted.
    """

    def __init__(self, *, database: Database, enabled: bool) -> None:
        self._database = database
        self._enabled = enabled

    def overview(self, tenant_id: str, *, days: int) -> Overview:
        """The figures of a tenant over the last `days` UTC days."""
        with self._database.transaction() as connection:
            now = self._now(connection)
            users = figures.users(connection, tenant_id, today=day_of(now))
            reached = milestones.reached(connection, SNAPSHOT)
            rolled_up = day_of(reached) if reached else None
            daily = figures.days_of_tenant(connection, tenant_id, today=day_of(now), days=days, rolled_up=rolled_up)
            counted = figures.memories_counted(connection, tenant_id)
            snapshot = snapshots.latest(connection, tenant_id)
        sums = figures.added_up(daily.values())
        if counted is None:
            # Counting more of them takes too long for a request: the last snapshot has the number.
            counted = snapshot.memories if snapshot else figures.COUNTED_EXACTLY
        return Overview(
            as_of=now,
            memories=counted,
            users=users.known,
            active_users=ActiveUsers(day=users.active_day, week=users.active_week, month=users.active_month),
            period=period(sums, days),
            growth=growth(counted, sums),
            stored=snapshot.stored if snapshot else None,
            difference=snapshot.difference if snapshot else None,
            counted_at=snapshot.taken_at if snapshot else None,
            daily=tuple(
                DayFigures(day=day, added=each.added, deleted=each.deleted, searches=each.searches)
                for day, each in daily.items()
            ),
        )

    def user(self, tenant_id: str, user_id: str, *, days: int) -> UserAnalytics:
        """The figures of a user over the last `days` UTC days; of one never seen all is nothing."""
        with self._database.transaction() as connection:
            now = self._now(connection)
            sums = figures.of_user(connection, tenant_id, user_id, today=day_of(now), days=days)
            holdings = figures.holdings(connection, tenant_id, user_id)
            first, last = figures.seen(connection, tenant_id, user_id)
        return UserAnalytics(
            user_id=user_id,
            as_of=now,
            memories=sum(each.memories for each in holdings),
            memories_by_kind={each.kind: each.memories for each in holdings},
            characters=sum(each.characters for each in holdings),
            first_active_on=first,
            last_active_on=last,
            active_days=sums.active_days,
            conversations=sums.conversations,
            period=period(sums, days),
        )

    def _now(self, connection: Connection) -> datetime:
        if not self._enabled:
            raise AnalyticsOff("analytics are switched off: set AFTERWORD_ANALYTICS=true")
        return milestones.now(connection)


def period(sums: Sums, days: int) -> Period:
    """The figures of a period, from its sums."""
    return Period(
        days=days,
        added=sums.added,
        deleted=sums.deleted,
        searches=sums.searches,
        success_rate=_ratio(sums.successful_searches, sums.eligible_searches),
        average_seconds=_ratio(sums.search_seconds, sums.searches),
        average_relevance=_ratio(sums.relevance_sum, sums.relevance_count),
    )


def growth(memories: int, sums: Sums) -> float | None:
    """How much more memories there are than before the period; None when there were none."""
    # Without any memories before the period there is nothing that grew.
    net = sums.added - sums.deleted
    return net / (memories - net) if memories > net else None


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
