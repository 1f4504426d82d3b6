"""What users may ask for as persons: `client.users`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from afterword.producers.calls import CommandSchema, command_call
from afterword.producers.memories import COMMAND_SECONDS, Ask
from afterword.schemas.export import ExportLine, ExportPage, ExportUser
from afterword.schemas.imports import GivenMemory, ImportedCount, ImportMemories
from afterword.schemas.users import GetUser, SetUser, UserWishes

A = TypeVar("A", bound=BaseModel)

EXPORT_SECONDS = 30.0
"""A page of whole transcripts takes time."""


class Users:
    """What a user wishes and may ask for as a person.

    Every call waits up to `timeout` seconds. `asked_by` is the account that asks, for the audit.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `denied`.
    """

    def __init__(self, tenant_id: str, ask: Ask) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

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
        """What a user wishes."""
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

        `afterword users import FILE` reads an export, mem0's `get_all` and chats.
        """
        fields = {"user_id": user_id, "memories": memories, "asked_by": asked_by}
        return self._run(ImportMemories, timeout, fields)

    def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return self._ask(command_call(self._tenant_id, command, fields), timeout)
