"""What users wish: an objection is noted, and ends what waits to be learned of them."""

from __future__ import annotations

from sqlalchemy import Connection

from afterword.schemas.users import GetUser, SetUser, UserWishes
from afterword.workers.core.origin import Origin
from afterword.workers.services.commands import work_in_flight
from afterword.workers.services.commands.deletions import Deletions
from afterword.workers.services.policy.access import asker_of
from afterword.workers.services.policy.wishes import OBJECTED, Objections
from afterword.workers.stores.ledger import audit, deletions, wishes
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.deletions import Deletion, Wanted
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.ledger.ingest import conversations


class UserKeeper:
    """Answers `users_set` and `users_get`."""

    def __init__(self, database: Database, objections: Objections, carrier: Deletions) -> None:
        self._database = database
        self._objections = objections
        self._carrier = carrier

    def set(self, command: SetUser, _: float | None) -> UserWishes:
        """The wishes of a user from now on. An objection also voids what waits to be learned: nothing more is written
        of it, and what a worker had in hand goes again. Other workers answer questions by it within two seconds.

        Raises: LedgerUnavailable.
        """
        tenant_id, user_id, by = command.tenant_id, command.user_id, asker_of(command) or command.user_id
        voided = None
        with self._database.transaction() as connection:
            # Under the subject's lock: a conversation is taken in before, and ended here, or is not kept any more.
            subjects.lock(connection, tenant_id, user_id)
            objected = wishes.objects(connection, tenant_id, user_id)
            wishes.put(connection, tenant_id, user_id, memory_enabled=command.memory_enabled, by=by)
            if not command.memory_enabled and not objected:
                voided = _void(connection, tenant_id, user_id, by)
            told = {"memory": command.memory_enabled, "by": by}
            origin = Origin(tenant_id=tenant_id, user_id=user_id)
            audit.write(connection, [audit.Event.of("user_update", origin, told)])
            found = _wishes(connection, tenant_id, user_id)
        self._objections.read()
        if voided is not None:
            self._carrier.carry_out(voided)
        return found

    def get(self, command: GetUser, _: float | None) -> UserWishes:
        """The wishes of a user. Raises: LedgerUnavailable."""
        return self.wishes_of(command.tenant_id, command.user_id)

    def wishes_of(self, tenant_id: str, user_id: str) -> UserWishes:
        """What a user wishes. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            return _wishes(connection, tenant_id, user_id)


def _void(connection: Connection, tenant_id: str, user_id: str, by: str) -> Deletion | None:
    """End what waits to be learned of a user, and record that what is being written of it must go again."""
    held = work_in_flight.void(connection, tenant_id, user_id)
    conversations.end_waiting(connection, tenant_id, user_id, OBJECTED)
    if not held.memory_ids:
        return None
    wanted = Wanted(
        tenant_id=tenant_id,
        user_id=user_id,
        everything=False,
        memory_ids=held.memory_ids,
        agents=held.agents,
        details={"scope": "user", "kind": "fact" if held.facts else "excerpt"},
        requested_by=by,
    )
    return deletions.record(connection, wanted)


def _wishes(connection: Connection, tenant_id: str, user_id: str) -> UserWishes:
    wish = wishes.find(connection, tenant_id, user_id)
    if wish is None:
        return UserWishes(user_id=user_id)
    return UserWishes(user_id=user_id, memory_enabled=wish.memory_enabled, since=wish.since, by=wish.by)
