"""Messages that were given up on, for operators: `client.dead_letters`."""

from __future__ import annotations

from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
from afterword.schemas.letters import (
    DropDeadLetters,
    GetDeadLetter,
    LetterPage,
    LetterText,
    ListDeadLetters,
    ReplayDeadLetters,
    TreatedLetters,
)

TREAT_SECONDS = 30.0
"""A hundred letters are a hundred transactions."""


class DeadLetterBox(TenantCalls):
    """The dead letters of the client's tenant, or with `all_tenants` of the whole deployment.

    Only those of all tenants hold the letters that could not be read, since they name none. `asked_by` is the account
    that asks, for the audit. Every call waits up to `timeout` seconds.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `not_found`.
    """

    def list(
        self,
        *,
        queue: str | None = None,
        user_id: str | None = None,
        error: str | None = None,
        all_tenants: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> LetterPage:
        """A page, newest first; `error` is a part of the error. Ask for the next with `cursor=page.next_cursor`."""
        which = {"queue": queue, "user_id": user_id, "error": error, "all_tenants": all_tenants}
        return self._run(ListDeadLetters, timeout, {**which, "limit": limit, "cursor": cursor})

    def get(self, letter_id: int, *, all_tenants: bool = False, timeout: float = COMMAND_SECONDS) -> LetterText:
        """One letter with its message, as printable text."""
        return self._run(GetDeadLetter, timeout, {"letter_id": letter_id, "all_tenants": all_tenants})

    def replay(
        self,
        *letter_ids: int,
        all_tenants: bool = False,
        asked_by: str | None = None,
        timeout: float = TREAT_SECONDS,
    ) -> TreatedLetters:
        """Give letters another chance, under their own event ids. One that is refused leaves the others theirs."""
        fields = {"letter_ids": letter_ids, "all_tenants": all_tenants, "asked_by": asked_by}
        return self._run(ReplayDeadLetters, timeout, fields)

    def drop(
        self,
        *letter_ids: int,
        all_tenants: bool = False,
        asked_by: str | None = None,
        timeout: float = TREAT_SECONDS,
    ) -> TreatedLetters:
        """Drop letters for good, and what was said in them."""
        fields = {"letter_ids": letter_ids, "all_tenants": all_tenants, "asked_by": asked_by}
        return self._run(DropDeadLetters, timeout, fields)
