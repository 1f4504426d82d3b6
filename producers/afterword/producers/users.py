"""Wishes and rights of users as persons: `client.users`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
from afterword.schemas.erasures import EraseUser, ErasureState, GetErasure, Residue, VerifyErased
from afterword.schemas.export import ExportLine, ExportPage, ExportUser
from afterword.schemas.imports import GivenMemory, ImportedCount, ImportMemories
from afterword.schemas.users import GetUser, SetUser, UserWishes

EXPORT_SECONDS = 30.0
"""A page of whole transcripts takes time."""


SCAN_SECONDS = 600.0
"""How long a scan of all stores is waited for by default."""


class Users(TenantCalls):
    """The wishes of a user, and all that a person may ask for: export, import and erasure.

    Every call waits up to `timeout` seconds. `asked_by` is the account that asks, for the audit.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `denied`.
    """

    def set(
        self, user_id: str, *, memory: bool, asked_by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> UserWishes:
        """Say whether anything of a user may be remembered; it holds until it is said otherwise, also after a clear.

        Without memory nothing of them is kept, learned or recalled, and contexts say `memory_off`. What was kept before
        stays until it is cleared.
        """
        fields = {"user_id": user_id, "memory_enabled": memory, "asked_by": asked_by}
        return self._run(SetUser, timeout, fields)

    def get(self, user_id: str, *, timeout: float = COMMAND_SECONDS) -> UserWishes:
        """Whether anything of a user may be remembered, since when, and who said so."""
        return self._run(GetUser, timeout, {"user_id": user_id})

    def export(
        self, user_id: str, *, asked_by: str | None = None, timeout: float = EXPORT_SECONDS
    ) -> Iterator[ExportLine]:
        """Everything that is kept of a user, line by line, asked for in pages: what they wish, figures, memories with
        where they come from, conversations that are still held, and the audit. The last line is `end`.

        `timeout` is for each page.

        >>> for line in client.users.export("ada"):  # doctest: +SKIP
        ...     file.write(line.model_dump_json(exclude_none=True) + "\\n")
        """
        cursor: str | None = None
        while True:
            fields = {"user_id": user_id, "cursor": cursor, "asked_by": asked_by}
            page: ExportPage = self._run(ExportUser, timeout, fields)
            yield from page.lines
            cursor = page.next_cursor
            if cursor is None:
                return

    def import_memories(
        self,
        user_id: str,
        memories: Sequence[GivenMemory | Mapping[str, Any]],
        *,
        asked_by: str | None = None,
        timeout: float = EXPORT_SECONDS,
    ) -> ImportedCount:
        """Write memories of a user that were kept elsewhere, at most 100; sent again, nothing is written twice.

        `afterword.producers.imports.import_items` reads them out of an export, mem0's `get_all` and chats, as
        `afterword users import FILE` does.
        """
        fields = {"user_id": user_id, "memories": memories, "asked_by": asked_by}
        return self._run(ImportMemories, timeout, fields)

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
