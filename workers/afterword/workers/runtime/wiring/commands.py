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
from afterword.schemas.export import ExportUser
from afterword.schemas.health import ComponentHealth, GetHealth
from afterword.schemas.imports import ImportMemories
from afterword.schemas.keys import CheckKey, CreateKey, ListKeys, RevokeKey
from afterword.schemas.letters import DropDeadLetters, GetDeadLetter, ListDeadLetters, ReplayDeadLetters
from afterword.schemas.registry import (
    GetAgent,
    ListAgentMembers,
    ListAgents,
    RemoveAgentMember,
    SetAgent,
    SetAgentMember,
    ShareAgent,
    UnshareAgent,
)
from afterword.schemas.users import GetUser, SetUser
from afterword.workers.broker import MendedBroker, QueueAdmin
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
from afterword.workers.services.policy.agent_sharing import AgentSharing
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
        memories = self._memories
        access = Access(self._stores.database)
        return Commands(access, handlers, limits=memories.limits, redaction=memories.redaction)

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
        return [
            *self._reading_handlers(),
            *self._changing_handlers(broker.admin),
            *self._owner_handlers(),
            *self._agent_handlers(),
            *self._operator_handlers(broker.admin, look),
            *self._governance.handlers(broker),
            *self._policies.handlers(self._changes),
        ]

    def _reading_handlers(self) -> list[CommandHandler]:
        database, views = self._stores.database, self._stores.views
        reader, search = MemoryReader(views), OwnerSearch(self._recall.finder, views)
        return [
            CommandHandler.of(ListMemories, reader.list),
            CommandHandler.of(GetMemory, reader.get),
            CommandHandler.of(SearchMemories, MemorySearcher(search, views).search),
            CommandHandler.of(FindRelated, RelatedFinder(search, views).find),
            CommandHandler.of(GetProvenance, ProvenanceReader(database, views).get),
            CommandHandler.of(GetConversation, ConversationReader(database).get),
            CommandHandler.of(GetDeletion, DeletionReader(database).get),
        ]

    def _changing_handlers(self, queues: QueueAdmin) -> list[CommandHandler]:
        changes, embedder, topics = self._changes, self._models.embedder, self._memories.topics
        corrector = MemoryCorrector(changes, self.corrections)
        return [
            CommandHandler.of(AddMemory, MemoryAdder(changes, embedder=embedder, topics=topics).add),
            CommandHandler.of(ImportMemories, MemoryImporter(changes, embedder=embedder, topics=topics).run),
            CommandHandler.of(UpdateMemory, corrector.update),
            CommandHandler.of(GetHistory, corrector.history),
            CommandHandler.of(DeleteMemory, MemoryDeleter(changes, self.deletions).delete),
            CommandHandler.of(ClearMemories, MemoryClearer(changes, queues, self.deletions).clear),
        ]

    def _owner_handlers(self) -> list[CommandHandler]:
        database, views, figures = self._stores.database, self._stores.views, self._analytics.figures
        users = UserKeeper(database, self._memories.objections, self.deletions)
        figure_reader = FigureReader(figures)
        return [
            CommandHandler.of(FindOwners, OwnerFinder(database).find),
            CommandHandler.of(ListUsers, UserLister(database, views).list),
            CommandHandler.of(GetUser, users.get),
            CommandHandler.of(SetUser, users.set),
            CommandHandler.of(ExportUser, UserExporter(database, views, figures, users).page),
            CommandHandler.of(GetOverview, figure_reader.overview),
            CommandHandler.of(GetUserAnalytics, figure_reader.user),
        ]

    def _agent_handlers(self) -> list[CommandHandler]:
        database = self._stores.database
        agents = AgentKeeper(AgentAdmin(database), AgentSharing(database))
        return [
            CommandHandler.of(ListAgents, agents.list),
            CommandHandler.of(GetAgent, agents.get),
            CommandHandler.of(SetAgent, agents.set),
            CommandHandler.of(ListAgentMembers, agents.members),
            CommandHandler.of(SetAgentMember, agents.set_member),
            CommandHandler.of(RemoveAgentMember, agents.remove_member),
            CommandHandler.of(ShareAgent, agents.share),
            CommandHandler.of(UnshareAgent, agents.unshare),
        ]

    def _operator_handlers(self, queues: QueueAdmin, look: ComponentLook) -> list[CommandHandler]:
        database = self._stores.database
        keys, letters = KeyRing(database), LetterKeeper(DeadLetters(database=database, queues=queues))
        return [
            CommandHandler.of(GetHealth, HealthReader(queues, look).read),
            CommandHandler.of(CreateKey, keys.create),
            CommandHandler.of(ListKeys, keys.page),
            CommandHandler.of(RevokeKey, keys.revoke),
            CommandHandler.of(CheckKey, keys.check),
            CommandHandler.of(ListDeadLetters, letters.list),
            CommandHandler.of(GetDeadLetter, letters.get),
            CommandHandler.of(ReplayDeadLetters, letters.replay),
            CommandHandler.of(DropDeadLetters, letters.drop),
        ]
