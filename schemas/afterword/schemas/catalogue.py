"""The catalogue: every command that the workers understand, and the parser of all.

An agent's process does not import it, nor the commands of operators: it uses none of them.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from afterword.schemas.analytics import GetOverview, GetStorage, GetUserAnalytics
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
    GetHistory,
    GetMemory,
    GetProvenance,
    ListMemories,
    ListUsers,
    RestoreMemory,
    SearchMemories,
    UpdateMemory,
    refuse_lost_session,
)
from afterword.schemas.conversation import check_version
from afterword.schemas.erasures import EraseUser, GetErasure, VerifyErased
from afterword.schemas.errors import InvalidInput, shortened
from afterword.schemas.export import ExportUser
from afterword.schemas.health import GetHealth
from afterword.schemas.imports import ImportMemories
from afterword.schemas.keys import CheckKey, CreateKey, ListKeys, RevokeKey
from afterword.schemas.letters import DropDeadLetters, GetDeadLetter, ListDeadLetters, ReplayDeadLetters
from afterword.schemas.policies import GetPolicy, ListPolicies, RunPolicies, SetPolicy
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

COMMANDS: Final[tuple[type[Command], ...]] = (
    ListMemories,
    SearchMemories,
    FindRelated,
    GetMemory,
    AddMemory,
    RestoreMemory,
    UpdateMemory,
    GetHistory,
    GetProvenance,
    DeleteMemory,
    ClearMemories,
    CleanUpMemories,
    FindOwners,
    ListUsers,
    GetOverview,
    GetStorage,
    GetUserAnalytics,
    GetConversation,
    GetDeletion,
    EraseUser,
    GetErasure,
    VerifyErased,
    GetHealth,
    CreateKey,
    ListKeys,
    RevokeKey,
    CheckKey,
    ListDeadLetters,
    GetDeadLetter,
    ReplayDeadLetters,
    DropDeadLetters,
    ListAgents,
    GetAgent,
    SetAgent,
    ListAgentMembers,
    SetAgentMember,
    RemoveAgentMember,
    ShareAgent,
    UnshareAgent,
    ListPolicies,
    GetPolicy,
    SetPolicy,
    RunPolicies,
    SetUser,
    GetUser,
    ExportUser,
    ImportMemories,
)
"""Every command that the workers understand."""

# Built from the classes, so that a command cannot be listed under a name that is not its own.
_BY_NAME: Final = {command.wire_name(): command for command in COMMANDS}


def parse_command(body: Any) -> Command:
    """The command in a decoded JSON body. Raises: UnsupportedVersion, InvalidInput."""
    # First: a newer contract may name its commands differently.
    check_version(body)
    name = body.get("command") if isinstance(body, dict) else None
    # Anything may stand there, and a list or an object cannot be looked up.
    command = _BY_NAME.get(name) if isinstance(name, str) else None
    if command is None:
        raise InvalidInput("command", shortened(name), f"must be one of {', '.join(_BY_NAME)}")
    # Before pydantic reads the body: to it a null is a field that was left out.
    refuse_lost_session(command, body)
    try:
        return command.model_validate(body)
    except ValidationError as error:
        raise InvalidInput.from_validation(error) from None
