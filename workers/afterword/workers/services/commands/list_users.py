"""Listing the users of a tenant."""

from __future__ import annotations

from afterword.schemas import ListUsers, UserCount, UserPage
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.views import Views


class UserLister:
    """Answers `users`: the ledger knows who there is, the vector store how many memories each has."""

    def __init__(self, database: Database, views: Views) -> None:
        self._database = database
        self._views = views

    def list(self, command: ListUsers, _: float | None) -> UserPage:
        """A page, by user id. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        with self._database.transaction() as connection:
            # One more than fits says whether there is another page.
            found = subjects.users(connection, command.tenant_id, after=command.cursor or "", limit=command.limit + 1)
        page = found[: command.limit]
        owners = [UserOwner(command.tenant_id, user) for user in page]
        # Users who are known and have no memories are listed as well, with none.
        counts = self._views.of(*owners).counts() if owners else {}
        users = tuple(UserCount(user_id=user, memories=counts.get(user, 0)) for user in page)
        return UserPage(users=users, next_cursor=page[-1] if len(found) > command.limit else None)
