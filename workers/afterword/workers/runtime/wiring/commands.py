"""Wiring of the commands: the registry, a line a command."""

from __future__ import annotations

from functools import cached_property

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    DeleteMemory,
    FindOwners,
    FindRelated,
    GetConversation,
    GetDeletion,
    GetMemory,
    GetOverview,
    GetUserAnalytics,
    ListMemories,
    ListUsers,
    SearchMemories,
)
from afterword.schemas.commands import GetHistory, GetProvenance, UpdateMemory
from afterword.schemas.erasures import EraseUser, GetErasure, VerifyErased
from afterword.schemas.export import ExportUser
from afterword.schemas.health import ComponentHealth, GetHealth
from afterword.schemas.imports import ImportMemories
from afterword.schemas.keys import CheckKey, CreateKey, ListKeys, RevokeKey
from afterword.schemas.letters import DropDeadLetters, GetDeadLetter, ListDeadLetters, ReplayDeadLetters
from afterword.schemas.registry import GetAgent, ListAgents, SetAgent
from afterword.schemas.users import GetUser, SetUser
from afterword.workers.broker import MendedBroker
from afterword.workers.runtime.wiring.analytics import AnalyticsRoom
from afterword.workers.runtime.wiring.governance import GovernanceRoom
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.policies import PolicyRoom
from afterword.workers.runtime.wiring.recall import RecallRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.commands.add_memory import MemoryAdder
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.commands.clear_memories import MemoryClearer
from afterword.workers.services.commands.correct_memory import MemoryCorrector
from afterword.workers.services.commands.corrections import Corrections
from afterword.workers.services.commands.dead_letters import DeadLetters
from afterword.workers.services.commands.delete_memory import MemoryDeleter
from afterword.workers.services.commands.deletions import Deletions
from afterword.workers.services.commands.export_user import UserExporter
from afterword.workers.services.commands.find_owners import OwnerFinder
from afterword.workers.services.commands.find_related import RelatedFinder
from afterword.workers.services.commands.handlers import CommandHandler, Commands
from afterword.workers.services.commands.import_memories import MemoryImporter
from afterword.workers.services.commands.list_users import UserLister
from afterword.workers.services.commands.manage_agents import AgentKeeper
from afterword.workers.services.commands.manage_keys import KeyRing
from afterword.workers.services.commands.manage_letters import LetterKeeper
from afterword.workers.services.commands.manage_users import UserKeeper
from afterword.workers.services.commands.owner_search import OwnerSearch
from afterword.workers.services.commands.read_conversations import ConversationReader
from afterword.workers.services.commands.read_deletions import DeletionReader
from afterword.workers.services.commands.read_figures import FigureReader
from afterword.workers.services.commands.read_health import ComponentLook, HealthReader
from afterword.workers.services.commands.read_memories import MemoryReader
from afterword.workers.services.commands.read_provenance import ProvenanceReader
from afterword.workers.services.commands.search_memories import MemorySearcher
from afterword.workers.services.policy.access import Access
from afterword.workers.services.policy.registry import AgentAdmin
from afterword.workers.services.recall.steps import Steps

_DELETING_THREADS = 4


def _not_looked_at(_: float) -> list[ComponentHealth]:
    return []


class CommandRoom:
    """Runs what owners of memories ask for."""

    def __init__(
        self,
        ground: Ground,
        *,
        models: ModelRoom,
        stores: StoreRoom,
        memories: MemoryRoom,
        recall: RecallRoom,
        analytics: AnalyticsRoom,
        policies: PolicyRoom,
        governance: GovernanceRoom,
    ) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores
        self._memories = memories
        self._recall = recall
        self._analytics = analytics
        self._policies = policies
        self._governance = governance

    def commands(self, broker: MendedBroker, look: ComponentLook = _not_looked_at) -> Commands:
        """The service, which takes messages of a cleared user out of this broker's queues.

        `look` tells how each component is; without it the answer to `health` names none.
        """
        handlers = self._handlers(broker, look)
        return Commands(Access(self._stores.database), handlers, self._memories.redaction)

    @cached_property
    def deletions(self) -> Deletions:
        """Carries out what was asked to be forgotten."""
        steps = Steps(_DELETING_THREADS)
        # Whatever these threads have not removed by then is completed by the sweep.
        self._ground.closing.callback(steps.close)
        return Deletions(self._changes, self._stores.pending_deletions, steps)

    @cached_property
    def corrections(self) -> Corrections:
        """Writes corrections of memories into the vector store."""
        return Corrections(self._changes, embedder=self._models.embedder, topics=self._memories.topics)

    @cached_property
    def _changes(self) -> Changes:
        stores = self._stores
        return Changes(stores.database, stores.views, self._memories.books, self._ground.metrics)

    def _handlers(self, broker: MendedBroker, look: ComponentLook) -> list[CommandHandler]:
        queues, desk = broker.admin, self._governance.desk
        database, views, changes = self._stores.database, self._stores.views, self._changes
        reader, figures = MemoryReader(views), FigureReader(self._analytics.figures)
        keys, letters = KeyRing(database), LetterKeeper(DeadLetters(database=database, queues=queues))
        agents = AgentKeeper(AgentAdmin(database))
        search = OwnerSearch(self._recall.finder, views)
        users = UserKeeper(database, self._memories.objections, self.deletions)
        exporter = UserExporter(database, views, self._analytics.figures, users)
        corrector = MemoryCorrector(changes, self.corrections)
        importer = MemoryImporter(changes, embedder=self._models.embedder, topics=self._memories.topics)
        adder = MemoryAdder(changes, embedder=self._models.embedder, topics=self._memories.topics)
        return [
            CommandHandler.of(ListMemories, reader.list),
            CommandHandler.of(SearchMemories, MemorySearcher(search, views).search),
            CommandHandler.of(FindRelated, RelatedFinder(search, views).find),
            CommandHandler.of(GetMemory, reader.get),
            CommandHandler.of(AddMemory, adder.add),
            CommandHandler.of(UpdateMemory, corrector.update),
            CommandHandler.of(GetHistory, corrector.history),
            CommandHandler.of(GetProvenance, ProvenanceReader(database, views).get),
            CommandHandler.of(DeleteMemory, MemoryDeleter(changes, self.deletions).delete),
            CommandHandler.of(ClearMemories, MemoryClearer(changes, queues, self.deletions).clear),
            CommandHandler.of(FindOwners, OwnerFinder(database).find),
            CommandHandler.of(ListUsers, UserLister(database, views).list),
            CommandHandler.of(GetOverview, figures.overview),
            CommandHandler.of(GetUserAnalytics, figures.user),
            CommandHandler.of(GetConversation, ConversationReader(database).get),
            CommandHandler.of(EraseUser, desk.erase),
            CommandHandler.of(GetErasure, desk.state),
            CommandHandler.of(VerifyErased, self._governance.verifier(broker).verify),
            CommandHandler.of(GetHealth, HealthReader(queues, look).read),
            CommandHandler.of(CreateKey, keys.create),
            CommandHandler.of(ListKeys, keys.page),
            CommandHandler.of(RevokeKey, keys.revoke),
            CommandHandler.of(CheckKey, keys.check),
            CommandHandler.of(ListDeadLetters, letters.list),
            CommandHandler.of(GetDeadLetter, letters.get),
            CommandHandler.of(ReplayDeadLetters, letters.replay),
            CommandHandler.of(DropDeadLetters, letters.drop),
            CommandHandler.of(ListAgents, agents.list),
            CommandHandler.of(GetAgent, agents.get),
            CommandHandler.of(SetAgent, agents.set),
            CommandHandler.of(SetUser, users.set),
            CommandHandler.of(GetUser, users.get),
            CommandHandler.of(ExportUser, exporter.page),
            CommandHandler.of(ImportMemories, importer.run),
            CommandHandler.of(GetDeletion, DeletionReader(database).get),
            *self._policies.handlers(changes),
        ]
