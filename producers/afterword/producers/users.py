"""The users of a tenant as persons with rights: `client.users`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from afterword.producers.calls import CommandSchema, command_call
from afterword.producers.memories import COMMAND_SECONDS, Ask
from afterword.schemas.erasures import EraseUser, ErasureState, GetErasure, Residue, VerifyErased

A = TypeVar("A", bound=BaseModel)

SCAN_SECONDS = 600.0
"""How long a scan of all stores is waited for by default."""


class UserRights:
    """What a person may ask about themselves. `by` and `asked_by` name the account that asks, for the audit.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known; asking again is safe.
        CommandFailed: the answer is an error, such as `not_found`.
    """

    def __init__(self, tenant_id: str, ask: Ask) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    def erase(
        self,
        user_id: str,
        *,
        keep_learned: bool = False,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> ErasureState:
        """Erase everything of a user, in every store. From the answer on nothing of theirs is shown or taken in.

        It is carried out within seconds; `erasure` tells how far it is, and gives the receipt. What agents learned from
        the user is removed too, unless `keep_learned`. Asked again while it runs, it is the same erasure.

        >>> client.users.erase("maya").status  # doctest: +SKIP
        <ErasureStatus.RUNNING: 'running'>
        """
        fields = {"user_id": user_id, "keep_learned": keep_learned, "by": by, "asked_by": asked_by}
        return self._run(EraseUser, timeout, fields)

    def erasure(self, erasure_id: str, *, timeout: float = COMMAND_SECONDS) -> ErasureState:
        """How far an erasure is: the step that is next, or the receipt.

        >>> client.users.erasure(erasure_id).receipt.residue.clean  # doctest: +SKIP
        True
        """
        return self._run(GetErasure, timeout, {"erasure_id": erasure_id})

    def verify_erased(self, user_id: str, *, asked_by: str | None = None, timeout: float = SCAN_SECONDS) -> Residue:
        """Scan the stores for what is left of a user. It takes as long as the stores are large."""
        return self._run(VerifyErased, timeout, {"user_id": user_id, "asked_by": asked_by})

    def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return self._ask(command_call(self._tenant_id, command, fields), timeout)
