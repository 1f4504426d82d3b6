"""Managing policies over the queue: they are listed, read and written."""

from __future__ import annotations

import json

from afterword.schemas import InvalidInput
from afterword.schemas.errors import shortened
from afterword.schemas.policies import (
    GetPolicy,
    ListPolicies,
    PolicyEntry,
    PolicyInForce,
    PolicyPage,
    PolicyRules,
    SetPolicy,
    given_rules,
)
from afterword.workers.services.policy.policies import PolicyBook
from afterword.workers.stores.ledger.policies import PolicyRow


class PolicyKeeper:
    """Answers the commands about policies, within the command's tenant."""

    def __init__(self, book: PolicyBook) -> None:
        self._book = book

    def list(self, command: ListPolicies, _: float | None) -> PolicyPage:
        """A page, the tenant's own first. Raises: InvalidInput, for a cursor that no page gave; LedgerUnavailable."""
        after = _place(command.cursor)
        found = self._book.page(command.tenant_id, after=after, limit=command.limit + 1)
        page = found[: command.limit]
        next_cursor = json.dumps([page[-1].agent_id, page[-1].user_id]) if len(found) > command.limit else None
        return PolicyPage(policies=tuple(_entry(row) for row in page), next_cursor=next_cursor)

    def get(self, command: GetPolicy, _: float | None) -> PolicyInForce:
        """The rules of one owner, and those in force for them. Raises: LedgerUnavailable."""
        whose = {"agent_id": command.agent_id, "user_id": command.user_id}
        own, force = self._book.read(command.tenant_id, **whose)
        return PolicyInForce(**whose, rules=own, force=force)

    def set(self, command: SetPolicy, within: float | None) -> PolicyInForce:
        """The policy as it is from now on. Raises: LedgerUnavailable."""
        row = PolicyRow(command.tenant_id, command.agent_id or "", command.user_id or "", given_rules(command.rules))
        self._book.write(row, by=command.asked_by)
        return self.get(_getting(command), within)


def _getting(command: SetPolicy) -> GetPolicy:
    return GetPolicy(
        tenant_id=command.tenant_id,
        reply_to=command.reply_to,
        agent_id=command.agent_id,
        user_id=command.user_id,
    )


def _entry(row: PolicyRow) -> PolicyEntry:
    rules = PolicyRules.model_validate(row.rules)
    return PolicyEntry(user_id=row.user_id or None, agent_id=row.agent_id or None, rules=rules)


def _place(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        agent_id, user_id = json.loads(cursor)
    except (ValueError, TypeError):
        raise InvalidInput("cursor", shortened(cursor), "pass next_cursor of the page before") from None
    return str(agent_id), str(user_id)
