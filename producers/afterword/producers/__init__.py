"""The SDK of an agent runner: publish finished conversations, ask for memories. It needs Redis and nothing else."""

from importlib.metadata import PackageNotFoundError, version

from afterword.producers.aio.analytics import AsyncAnalytics
from afterword.producers.aio.client import AsyncMemoryClient
from afterword.producers.aio.memories import AsyncMemories
from afterword.producers.analytics import Analytics
from afterword.producers.client import MemoryClient
from afterword.producers.context import Context
from afterword.producers.intake import PublishResult
from afterword.producers.memories import Memories
from afterword.producers.runs import AsyncRun, Run
from afterword.producers.settings import ClientSettings
from afterword.producers.stats import Stats
from afterword.schemas import (
    ActiveUsers,
    AfterwordError,
    CleanedUp,
    CommandFailed,
    ConversationFinished,
    ConversationState,
    DayFigures,
    DeletionState,
    Explanation,
    InvalidEvent,
    InvalidInput,
    Kind,
    Memory,
    MemoryOwner,
    MemoryOwners,
    MemoryPage,
    MemoryUnavailable,
    Message,
    Overview,
    OwnerStorage,
    Period,
    Provenance,
    RelatedMemories,
    RelatedMemory,
    Relation,
    Removed,
    Scope,
    SearchPage,
    Storage,
    UnsupportedVersion,
    UserAnalytics,
    UserCount,
    UserPage,
)

__all__ = [
    "ActiveUsers",
    "AfterwordError",
    "Analytics",
    "AsyncAnalytics",
    "AsyncMemories",
    "AsyncMemoryClient",
    "AsyncRun",
    "CleanedUp",
    "ClientSettings",
    "CommandFailed",
    "Context",
    "ConversationFinished",
    "ConversationState",
    "DayFigures",
    "DeletionState",
    "Explanation",
    "InvalidEvent",
    "InvalidInput",
    "Kind",
    "Memories",
    "Memory",
    "MemoryClient",
    "MemoryOwner",
    "MemoryOwners",
    "MemoryPage",
    "MemoryUnavailable",
    "Message",
    "Overview",
    "OwnerStorage",
    "Period",
    "Provenance",
    "PublishResult",
    "RelatedMemories",
    "RelatedMemory",
    "Relation",
    "Removed",
    "Run",
    "Scope",
    "SearchPage",
    "Stats",
    "Storage",
    "UnsupportedVersion",
    "UserAnalytics",
    "UserCount",
    "UserPage",
]

try:
    __version__ = version("afterword")
except PackageNotFoundError:  # an application that was frozen without its packages' metadata still runs
    __version__ = "unknown"
