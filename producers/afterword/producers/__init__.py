"""The SDK of an agent runner: publish finished conversations, ask for memories. It needs Redis and nothing else."""

from importlib.metadata import PackageNotFoundError, version

from afterword.producers.agents import Agents
from afterword.producers.aio.agents import AsyncAgents
from afterword.producers.aio.analytics import AsyncAnalytics
from afterword.producers.aio.client import AsyncMemoryClient
from afterword.producers.aio.dead_letters import AsyncDeadLetterBox
from afterword.producers.aio.keys import AsyncKeys
from afterword.producers.aio.memories import AsyncMemories
from afterword.producers.analytics import Analytics
from afterword.producers.client import MemoryClient
from afterword.producers.context import Context
from afterword.producers.dead_letters import DeadLetterBox
from afterword.producers.intake import PublishResult
from afterword.producers.keys import Keys, NewKey
from afterword.producers.memories import Memories
from afterword.producers.runs import AsyncRun, Run
from afterword.producers.service_check import ServiceCheck
from afterword.producers.settings import ClientSettings
from afterword.producers.stats import Stats
from afterword.schemas import (
    ActiveUsers,
    AfterwordError,
    AgentEntry,
    AgentPage,
    CallerRole,
    CommandFailed,
    ComponentHealth,
    ConversationFinished,
    ConversationState,
    DayFigures,
    Explanation,
    InvalidEvent,
    InvalidInput,
    KeyEntry,
    KeyHolder,
    KeyPage,
    Kind,
    LetterEntry,
    LetterPage,
    LetterText,
    Memory,
    MemoryOwner,
    MemoryOwners,
    MemoryPage,
    MemoryUnavailable,
    Message,
    Overview,
    Period,
    Provenance,
    QueueHealth,
    RefusedLetter,
    RelatedMemories,
    RelatedMemory,
    Relation,
    Removed,
    Scope,
    SearchPage,
    SystemHealth,
    TreatedLetters,
    UnsupportedVersion,
    UserAnalytics,
    UserCount,
    UserPage,
)

__all__ = [
    "ActiveUsers",
    "AfterwordError",
    "AgentEntry",
    "AgentPage",
    "Agents",
    "Analytics",
    "AsyncAgents",
    "AsyncAnalytics",
    "AsyncDeadLetterBox",
    "AsyncKeys",
    "AsyncMemories",
    "AsyncMemoryClient",
    "AsyncRun",
    "CallerRole",
    "ClientSettings",
    "CommandFailed",
    "ComponentHealth",
    "Context",
    "ConversationFinished",
    "ConversationState",
    "DayFigures",
    "DeadLetterBox",
    "Explanation",
    "InvalidEvent",
    "InvalidInput",
    "KeyEntry",
    "KeyHolder",
    "KeyPage",
    "Keys",
    "Kind",
    "LetterEntry",
    "LetterPage",
    "LetterText",
    "Memories",
    "Memory",
    "MemoryClient",
    "MemoryOwner",
    "MemoryOwners",
    "MemoryPage",
    "MemoryUnavailable",
    "Message",
    "NewKey",
    "Overview",
    "Period",
    "Provenance",
    "PublishResult",
    "QueueHealth",
    "RefusedLetter",
    "RelatedMemories",
    "RelatedMemory",
    "Relation",
    "Removed",
    "Run",
    "Scope",
    "SearchPage",
    "ServiceCheck",
    "Stats",
    "SystemHealth",
    "TreatedLetters",
    "UnsupportedVersion",
    "UserAnalytics",
    "UserCount",
    "UserPage",
]

try:
    __version__ = version("afterword")
except PackageNotFoundError:  # an application that was frozen without its packages' metadata still runs
    __version__ = "unknown"
