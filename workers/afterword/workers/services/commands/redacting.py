"""Commands that bring texts: what is not to be stored is cut out before anybody runs them."""

from __future__ import annotations

from typing import Any

from afterword.schemas.command import Command
from afterword.schemas.commands import AddMemory, UpdateMemory
from afterword.schemas.imports import ImportMemories
from afterword.workers.services.policy.redaction import Redaction


def redacted(redaction: Redaction, command: Command) -> Command:
    """The command, its texts and its metadata without what the rules find."""
    match command:
        case AddMemory() | UpdateMemory():
            return command.model_copy(update=_redacted(redaction, command))
        case ImportMemories(memories=memories):
            kept = tuple(each.model_copy(update=_redacted(redaction, each)) for each in memories)
            return command.model_copy(update={"memories": kept})
    return command


def _redacted(redaction: Redaction, given: Any) -> dict[str, Any]:
    text, metadata = given.text, given.metadata
    return {
        "text": None if text is None else redaction.text(text),
        "metadata": None if metadata is None else redaction.metadata(metadata),
    }
