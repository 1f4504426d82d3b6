"""Reading figures of usage: those of a tenant, and those of a user."""

from __future__ import annotations

from afterword.schemas import GetOverview, GetUserAnalytics, Overview, UserAnalytics
from afterword.workers.services.analytics.figures import Figures


class FigureReader:
    """Answers `analytics_overview` and `analytics_user`. Raises: AnalyticsOff, LedgerUnavailable."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def overview(self, command: GetOverview, _: float | None) -> Overview:
        """The figures of the command's tenant."""
        return self._figures.overview(command.tenant_id, days=command.days)

    def user(self, command: GetUserAnalytics, _: float | None) -> UserAnalytics:
        """The figures of one user."""
        return self._figures.user(command.tenant_id, command.user_id, days=command.days)
