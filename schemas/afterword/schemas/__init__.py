"""The wire contract of Afterword: what is published, asked and answered. Imports pydantic only."""

from afterword.schemas.analytics import ActiveUsers, DayFigures, Overview, Period, UserAnalytics
from afterword.schemas.answers import (
    ConversationState,
    DeletionState,
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
    ClearMemories,
    DeleteMemory,
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
from afterword.schemas.health import ComponentHealth, GetHealth, QueueHealth, SystemHealth
from afterword.schemas.memory import Memory, Provenance
from afterword.schemas.reply import ErrorBody, Reply
from afterword.schemas.values import Kind, Scope

__all__ = [
    "ActiveUsers",
    "AddMemory",
    "AfterwordError",
    "ClearMemories",
    "Command",
    "CommandFailed",
    "ComponentHealth",
    "ContextReply",
    "ContextRequest",
    "ConversationFinished",
    "ConversationState",
    "DayFigures",
    "DeleteMemory",
    "DeletionState",
    "ErrorBody",
    "Explanation",
    "FindRelated",
    "GetConversation",
    "GetDeletion",
    "GetHealth",
    "GetMemory",
    "GetOverview",
    "GetUserAnalytics",
    "InvalidEvent",
    "InvalidInput",
    "Kind",
    "ListMemories",
    "ListUsers",
    "Memory",
    "MemoryPage",
    "MemoryUnavailable",
    "Message",
    "Overview",
    "Period",
    "Provenance",
    "QueueHealth",
    "RelatedMemories",
    "RelatedMemory",
    "Relation",
    "Removed",
    "Reply",
    "Scope",
    "SearchMemories",
    "SearchPage",
    "SystemHealth",
    "UnsupportedVersion",
    "UserAnalytics",
    "UserCount",
    "UserPage",
    "split",
]
