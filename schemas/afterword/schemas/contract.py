"""JSON Schemas of the contract, for those who publish from another language.

`python -m afterword.schemas.contract` writes them into `jsonschema/` beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from afterword.schemas.analytics import Overview, UserAnalytics
from afterword.schemas.commands import Command, MemoryPage, RelatedMemories, Removed, SearchPage, UserPage
from afterword.schemas.context import ContextReply, ContextRequest
from afterword.schemas.conversation import ConversationFinished
from afterword.schemas.memory import Memory
from afterword.schemas.reply import Reply

FOLDER = Path(__file__).parent / "jsonschema"

_ROOTS: dict[str, tuple[Any, str]] = {
    "conversation_finished": (ConversationFinished, "validation"),
    "context_request": (ContextRequest, "validation"),
    "context_reply": (ContextReply, "serialization"),
    "memory_command": (Command, "validation"),
    "memory": (Memory, "serialization"),
    "memory_page": (MemoryPage, "serialization"),
    "search_page": (SearchPage, "serialization"),
    "related_memories": (RelatedMemories, "serialization"),
    "user_page": (UserPage, "serialization"),
    "removed": (Removed, "serialization"),
    "overview": (Overview, "serialization"),
    "user_analytics": (UserAnalytics, "serialization"),
    "reply": (Reply, "serialization"),
}


def contract() -> dict[str, str]:
    """File name → JSON Schema text, made from the models."""
    return {f"{name}.schema.json": _schema(*root) for name, root in _ROOTS.items()}


def _schema(root: Any, mode: Any) -> str:
    schema = TypeAdapter(root).json_schema(mode=mode)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write(folder: Path = FOLDER) -> None:
    """Write every schema file into `folder`."""
    folder.mkdir(exist_ok=True)
    for name, text in contract().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
