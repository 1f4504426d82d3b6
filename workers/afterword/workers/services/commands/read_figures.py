"""Reading figures of usage: those of a tenant, and those of a user."""

from __future__ import annotations

from afterword.schemas import GetOverview, GetUserAnalytics, Overview, UserAnalytics
from afterword.workers.services.analytics.analytics import Analytics


class FigureReader:
    """Answers `analytics_overview` and `analytics_user`. Raises: AnalyticsOff, LedgerUnavailable."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def overview(self, command: GetOverview, _: float | None) -> Overview:
        """The figures of the command's tenant."""
        return self._analytics.overview(command.tenant_id, days=command.days)

    def user(self, command: GetUserAnalytics, _: float | None) -> UserAnalytics:
        """The figures of one user."""
        return self._analytics.user(command.tenant_id, command.user_id, days=command.days)
