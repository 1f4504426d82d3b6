"""Exporting a person: everything that is kept of a user, in pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from afterword.schemas import InvalidInput
from afterword.schemas.analytics import MAX_DAYS, UserAnalytics
from afterword.schemas.commands import MAX_VERSIONS
from afterword.schemas.errors import shortened
from afterword.schemas.export import (
    ExportedAct,
    ExportedConversation,
    ExportedMemory,
    ExportedTurn,
    ExportHeader,
    ExportLine,
    ExportPage,
    ExportUser,
)
from afterword.schemas.users import UserWishes
from afterword.workers.core.errors import AnalyticsOff
from afterword.workers.core.origin import Origin
from afterword.workers.services.analytics.figures import Figures
from afterword.workers.services.commands.correct_memory import told_versions
from afterword.workers.services.commands.manage_users import UserKeeper
from afterword.workers.services.commands.owner_search import fitting
from afterword.workers.services.policy.access import asker_of
from afterword.workers.stores.ledger import audit, memories, versions
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.ledger.ingest.conversations import Told
from afterword.workers.stores.vectors.counting import ARCHIVED_TOO
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import to_memory
from afterword.workers.stores.vectors.queries import Filter
from afterword.workers.stores.vectors.views import Views

_CONVERSATIONS: Final = 20
"""Of a page: each may hold a whole transcript."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some lines of a section, and where the next ones begin; None where it ends."""

    lines: Sequence[ExportLine]
    then: str | None = None


class UserExporter:
    """Answers `users_export`: what the user wishes, figures, memories, conversations and the audit, in this order."""

    def __init__(self, database: Database, views: Views, figures: Figures, keeper: UserKeeper) -> None:
        self._database = database
        self._views = views
        self._figures = figures
        self._keeper = keeper
        self._sections: dict[str, Callable[[ExportUser, str], _Part]] = {
            "person": self._person,
            "memories": self._memories,
            "conversations": self._conversations,
            "audit": self._audit,
            "end": lambda *_: _Part([ExportLine(type="end")]),
        }

    def page(self, command: ExportUser, _: float | None) -> ExportPage:
        """A page. Raises: InvalidInput, for a cursor that no page gave; LedgerUnavailable, VectorStoreUnavailable."""
        section, _colon, begin = (command.cursor or "person:").partition(":")
        if section not in self._sections:
            raise _no_cursor(command.cursor)
        try:
            part = self._sections[section](command, begin)
        except ValueError:
            raise _no_cursor(command.cursor) from None
        if part.then is not None:
            return ExportPage(lines=tuple(part.lines), next_cursor=f"{section}:{part.then}")
        names = list(self._sections)
        following = names[names.index(section) + 1 :]
        return ExportPage(lines=tuple(part.lines), next_cursor=f"{following[0]}:" if following else None)

    def _person(self, command: ExportUser, _: str) -> _Part:
        now = datetime.now(UTC)
        header = ExportHeader(tenant_id=command.tenant_id, user_id=command.user_id, exported_at=now)
        lines = [ExportLine(type="header", header=header), ExportLine(type="wishes", wishes=self._wishes(command))]
        if (profile := self._profile(command)) is not None:
            lines.append(ExportLine(type="profile", profile=profile))
        with self._database.transaction() as connection:
            origin = Origin(tenant_id=command.tenant_id, user_id=command.user_id)
            by = asker_of(command) or command.user_id
            audit.write(connection, [audit.Event.of("user_export", origin, {"by": by})])
        return _Part(lines)

    def _wishes(self, command: ExportUser) -> UserWishes:
        return self._keeper.wishes_of(command.tenant_id, command.user_id)

    def _profile(self, command: ExportUser) -> UserAnalytics | None:
        try:
            return self._figures.user(command.tenant_id, command.user_id, days=MAX_DAYS)
        except AnalyticsOff:
            return None

    def _memories(self, command: ExportUser, begin: str) -> _Part:
        owner = UserOwner(command.tenant_id, command.user_id)
        page = self._views.of(owner).page(
            owner, limit=command.limit, cursor=begin or None, where=Filter((ARCHIVED_TOO,))
        )
        corrected = [each.id for each in page.memories if each.updated_at is not None]
        with self._database.transaction() as connection:
            learned = memories.learned(connection, command.tenant_id, [each.id for each in page.memories])
            told = {
                memory_id: versions.page(connection, command.tenant_id, memory_id, before=None, limit=MAX_VERSIONS)
                for memory_id in corrected
            }
        lines = []
        for each in page.memories:
            how = learned.get(each.id)
            exported = ExportedMemory(
                memory=to_memory(each),
                source=how.source if how else None,
                model=how.model if how else None,
                prompt_version=how.prompt_version if how else None,
                batch_id=how.batch_id if how else None,
                versions=tuple(told_versions(told.get(each.id, ()), None)),
            )
            lines.append(ExportLine(type="memory", memory=exported))
        return _Part(lines, page.next_cursor)

    def _conversations(self, command: ExportUser, begin: str) -> _Part:
        with self._database.transaction() as connection:
            found = conversations.after(
                connection, command.tenant_id, command.user_id, row_id=int(begin or 0), limit=_CONVERSATIONS
            )
        lines = [ExportLine(type="conversation", conversation=_conversation(each)) for each in found]
        lines = lines[: fitting(lines)]
        more = len(lines) < len(found) or len(found) == _CONVERSATIONS
        return _Part(lines, str(found[len(lines) - 1].conversation.id) if more else None)

    def _audit(self, command: ExportUser, begin: str) -> _Part:
        with self._database.transaction() as connection:
            found = audit.after(
                connection, command.tenant_id, command.user_id, row_id=int(begin or 0), limit=command.limit
            )
        lines = [ExportLine(type="audit", audit=_act(event)) for _, event in found]
        return _Part(lines, str(found[-1][0]) if len(found) == command.limit else None)


def _conversation(told: Told) -> ExportedConversation:
    of = told.conversation
    turns = (
        ExportedTurn(
            message=turn.position,
            role=turn.role,
            text=turn.text,
            at=turn.at,
            message_id=turn.message_id,
            name=turn.name,
        )
        for turn in of.turns
        # One without a text was deleted.
        if turn.text
    )
    return ExportedConversation(
        event_id=of.event_id,
        part=told.part,
        agent_id=of.agent_id,
        session_id=of.session_id,
        occurred_at=of.occurred_at,
        received_at=of.received_at,
        status=told.status,
        reason=told.reason,
        metadata=of.metadata,
        turns=tuple(turns),
    )


def _act(event: audit.Event) -> ExportedAct:
    return ExportedAct(
        type=event.type,
        at=event.at or datetime.now(UTC),
        agent_id=event.agent_id,
        session_id=event.session_id,
        event_id=event.event_id,
        memory_id=event.memory_id,
        count=event.result_count,
        metadata=event.metadata,
        query=event.query,
    )


def _no_cursor(cursor: str | None) -> InvalidInput:
    return InvalidInput("cursor", shortened(cursor), "pass next_cursor of the page before")
