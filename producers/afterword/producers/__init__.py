"""What an agent runner installs: publish finished conversations, ask for memories. Needs Redis, nothing else."""

from afterword.producers.aio.client import AsyncMemoryClient
from afterword.producers.aio.memories import AsyncMemories
from afterword.producers.client import MemoryClient
from afterword.producers.context import Context
from afterword.producers.intake import PublishResult
from afterword.producers.memories import Memories
from afterword.producers.runs import AsyncRun, Run
from afterword.producers.settings import ClientSettings
from afterword.producers.stats import Stats
from afterword.schemas import (
    AfterwordError,
    CommandFailed,
    ConversationFinished,
    InvalidEvent,
    Kind,
    Memory,
    MemoryPage,
    MemoryUnavailable,
    Message,
    Provenance,
    Removed,
    Scope,
    UnsupportedVersion,
    UserCount,
    UserPage,
)

__all__ = [
    "AfterwordError",
    "AsyncMemories",
    "AsyncMemoryClient",
    "AsyncRun",
    "ClientSettings",
    "CommandFailed",
    "Context",
    "ConversationFinished",
    "InvalidEvent",
    "Kind",
    "Memories",
    "Memory",
    "MemoryClient",
    "MemoryPage",
    "MemoryUnavailable",
    "Message",
    "Provenance",
    "PublishResult",
    "Removed",
    "Run",
    "Scope",
    "Stats",
    "UnsupportedVersion",
    "UserCount",
    "UserPage",
]
