"""JSON Schemas of the contract, for those who publish from another language.

`python -m afterword.schemas.contract` writes them into `jsonschema/` beside this file.
"""

from __future__ import annotations

import json
import operator
import re
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from afterword.schemas.catalogue import COMMANDS
from afterword.schemas.context import ContextReply, ContextRequest
from afterword.schemas.conversation import ConversationFinished
from afterword.schemas.reply import Reply

FOLDER = Path(__file__).parent / "jsonschema"


def _file_name(model: type[Any]) -> str:
    """`MemoryPage` is in memory_page.schema.json."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower()


_AnyCommand = Annotated[reduce(operator.or_, COMMANDS), Field(discriminator="command")]  # type: ignore[valid-type]

# Requests as others may write them, defaults left out; replies as they are sent, with every field.
_ROOTS: dict[str, tuple[Any, str]] = {
    "conversation_finished": (ConversationFinished, "validation"),
    "context_request": (ContextRequest, "validation"),
    "context_reply": (ContextReply, "serialization"),
    "memory_command": (_AnyCommand, "validation"),
    **{_file_name(command.answer): (command.answer, "serialization") for command in COMMANDS},
    "reply": (Reply, "serialization"),
}


def contract() -> dict[str, str]:
    """File name → JSON Schema text, made from the models."""
    return {f"{name}.schema.json": _schema(*root) for name, root in _ROOTS.items()}


def _schema(root: Any, mode: Any) -> str:
    schema = TypeAdapter(root).json_schema(mode=mode)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    # Sorted, so that a change of the contract is a small difference between files.
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write(folder: Path = FOLDER) -> None:
    """Write every schema file into `folder`."""
    folder.mkdir(exist_ok=True)
    for name, text in contract().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
