"""The wire contract of Afterword: what is published, asked and answered. Imports pydantic only.

What operators ask for stands in modules of its own, which an agent's process need not import: `health`, `keys`,
`letters`, `policies`, `registry`.
"""

from afterword.schemas.analytics import ActiveUsers, DayFigures, Overview, Period, UserAnalytics
from afterword.schemas.answers import (
    CleanedUp,
    ConversationState,
    DeletionState,
    MemoryOwner,
    MemoryOwners,
    MemoryPage,
    RelatedMemories,
    RelatedMemory,
    Relation,
    Removed,
    SearchPage,
    UserCount,
    UserPage,
)
from afterword.schemas.command import Command
from afterword.schemas.commands import (
    AddMemory,
    CleanUpMemories,
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
    RestoreMemory,
    SearchMemories,
)
from afterword.schemas.context import ContextReply, ContextRequest, Explanation
from afterword.schemas.conversation import ConversationFinished, Message, split
from afterword.schemas.errors import (
    AfterwordError,
    CommandFailed,
    InvalidEvent,
    InvalidInput,
    MemoryUnavailable,
    UnsupportedVersion,
)
from afterword.schemas.memory import Memory, Provenance
from afterword.schemas.reply import ErrorBody, Reply
from afterword.schemas.values import Kind, Scope

__all__ = [
    "ActiveUsers",
    "AddMemory",
    "AfterwordError",
    "CleanUpMemories",
    "CleanedUp",
    "ClearMemories",
    "Command",
    "CommandFailed",
    "ContextReply",
    "ContextRequest",
    "ConversationFinished",
    "ConversationState",
    "DayFigures",
    "DeleteMemory",
    "DeletionState",
    "ErrorBody",
    "Explanation",
    "FindOwners",
    "FindRelated",
    "GetConversation",
    "GetDeletion",
    "GetMemory",
    "GetOverview",
    "GetUserAnalytics",
    "InvalidEvent",
    "InvalidInput",
    "Kind",
    "ListMemories",
    "ListUsers",
    "Memory",
    "MemoryOwner",
    "MemoryOwners",
    "MemoryPage",
    "MemoryUnavailable",
    "Message",
    "Overview",
    "Period",
    "Provenance",
    "RelatedMemories",
    "RelatedMemory",
    "Relation",
    "Removed",
    "Reply",
    "RestoreMemory",
    "Scope",
    "SearchMemories",
    "SearchPage",
    "UnsupportedVersion",
    "UserAnalytics",
    "UserCount",
    "UserPage",
    "split",
]
