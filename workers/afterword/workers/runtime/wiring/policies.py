"""Wiring of policies: their book, what applies them, and the commands about them."""

from __future__ import annotations

from functools import cached_property

from afterword.schemas import CleanUpMemories, GetStorage, RestoreMemory
from afterword.schemas.policies import GetPolicy, ListPolicies, PolicyRules, RunPolicies, SetPolicy
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.commands.handlers import CommandHandler
from afterword.workers.services.commands.manage_policies import PolicyKeeper
from afterword.workers.services.governance.archive import Archive, Cap, MemoryRestorer
from afterword.workers.services.governance.clean_up import MemoryCleaner
from afterword.workers.services.governance.effects import AuditRetention, Effect, MemoryRetention, TranscriptRetention
from afterword.workers.services.governance.policy_runs import PolicyRuns
from afterword.workers.services.governance.removal import MemoryRemover
from afterword.workers.services.governance.storage import StorageWatch
from afterword.workers.services.policy.policies import PolicyBook


class PolicyRoom:
    """How long things are kept: written down, and applied."""

    def __init__(self, ground: Ground, *, stores: StoreRoom, memories: MemoryRoom) -> None:
        self._ground = ground
        self._stores = stores
        self._memories = memories

    @cached_property
    def runs(self) -> PolicyRuns:
        """Applies policies."""
        database, defaults = self._stores.database, self._book.defaults
        effects: list[Effect] = [
            MemoryRetention(database, self._remover, defaults),
            # Before the cap, which takes what is archived first.
            Archive(self._remover, defaults, uses_noted=self._ground.settings.analytics),
            Cap(self._remover, defaults),
            TranscriptRetention(database, defaults),
            # Last: it may take rows that the others have just written, but never before their time.
            AuditRetention(database, defaults),
        ]
        return PolicyRuns(database=database, book=self._book, effects=effects, metrics=self._ground.metrics)

    @cached_property
    def storage(self) -> StorageWatch:
        """Tells how much is kept of whom."""
        return StorageWatch(
            database=self._stores.database, admin=self._stores.admin, book=self._book, metrics=self._ground.metrics
        )

    def handlers(self, changes: Changes) -> list[CommandHandler]:
        """The commands about policies and the archive."""
        keeper, runs = PolicyKeeper(self._book), self.runs
        return [
            CommandHandler.of(ListPolicies, keeper.list),
            CommandHandler.of(GetPolicy, keeper.get),
            CommandHandler.of(SetPolicy, keeper.set),
            CommandHandler.of(RunPolicies, runs.run),
            CommandHandler.of(CleanUpMemories, MemoryCleaner(self._remover).clean_up),
            CommandHandler.of(GetStorage, self.storage.tell),
            CommandHandler.of(RestoreMemory, MemoryRestorer(changes).restore),
        ]

    @cached_property
    def _book(self) -> PolicyBook:
        settings = self._ground.settings
        defaults = PolicyRules(
            keep_days=settings.keep_days,
            audit_days=settings.keep_audit_days or None,
            max_memories=settings.max_memories or None,
            quota_memories=settings.quota_memories or None,
            quota_bytes=settings.quota_bytes or None,
            archive_after_days=settings.archive_after_days or None,
            archive_below=settings.archive_below,
            limits=settings.limits,
        )
        return PolicyBook(self._stores.database, defaults)

    @cached_property
    def _remover(self) -> MemoryRemover:
        return MemoryRemover(self._stores.database, self._stores.admin, self._memories.books, self._ground.metrics)
