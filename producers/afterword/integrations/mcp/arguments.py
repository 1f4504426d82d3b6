"""The arguments of the tools: a model each, whose fields a language model reads.

They are few, since each is read with every prompt. What they may hold is the contract's: a field that breaks it is told
by its name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from afterword.schemas.conversation import MAX_MESSAGES
from afterword.schemas.errors import InvalidInput
from afterword.schemas.values import Id, Kind, Moment, Query, Scope, Text, Time

MOST_LISTED = 100
"""A page of more would fill a model's window."""

_Limit = Annotated[int, Field(ge=1, le=MOST_LISTED, description="Memories at most.")]
_Cursor = Annotated[str | None, Field(description="`next_cursor` of the page before, with the same other arguments.")]
_Scope = Annotated[
    Scope | None,
    Field(
        description="Only these: `user` (about the person), `agent` (what an agent learned), `session` (one thread)."
    ),
]
_Kind = Annotated[
    Kind | None,
    Field(description="Only these: `fact` (learned), `excerpt` (said, word for word), `note` (written by hand)."),
]


class ToolArguments(BaseModel):
    """Arguments of a tool. A misspelt one is refused: it must not silently widen what is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def given(self) -> dict[str, Any]:
        """Those that were given; models write null for what they leave out."""
        return self.model_dump(exclude_unset=True, exclude_none=True)


class OwnerArguments(ToolArguments):
    """Whose memories are meant, where a caller may say so. They stand beside the other arguments of every tool."""

    user_id: Id | None = Field(None, description="Whose. Leave it out for the caller's own.")
    agent_id: Id | None = Field(None, description="The agent that is spoken with; without a user, its own memories.")
    session_id: Id | None = Field(None, description="The thread.")


class SearchArguments(ToolArguments):
    """The arguments of `search_memories`."""

    query: Query = Field(description="What to look for, in plain words.")
    scope: _Scope = None
    kind: _Kind = None
    since: Moment | None = Field(None, description="Only what happened from then on: an ISO 8601 time with an offset.")
    until: Moment | None = Field(None, description="Only what happened before then.")
    topic: str | None = Field(None, description="Only about this topic, such as `work` or `food`.")
    limit: _Limit = 10
    cursor: _Cursor = None


class ListArguments(ToolArguments):
    """The arguments of `list_memories`."""

    scope: _Scope = None
    kind: _Kind = None
    limit: _Limit = 20
    cursor: _Cursor = None


class ContextArguments(ToolArguments):
    """The arguments of `get_context`."""

    query: Query | None = Field(None, description="The user's latest message. Without one: what is most important.")
    limit: _Limit = 12
    token_budget: int = Field(1500, ge=1, le=100_000, description="Tokens of the text at most.")


class NoteArguments(ToolArguments):
    """The arguments of `add_memory`."""

    text: Text = Field(description="One thing to remember, as a sentence that can be understood by itself.")
    occurred_at: Time | None = Field(
        None, description="When it came to be known, an ISO 8601 time with an offset; now, if left out."
    )


class DeletionArguments(ToolArguments):
    """The arguments of `delete_memory`."""

    memory_id: Id = Field(description="The id of a memory, as search_memories and list_memories tell it.")


class SaidMessage(ToolArguments):
    """A message of a conversation."""

    role: Literal["user", "assistant"]
    content: str = Field(min_length=1, description="The words, unabridged.")


class ConversationArguments(ToolArguments):
    """The arguments of `remember_conversation`."""

    messages: list[SaidMessage] = Field(min_length=1, max_length=MAX_MESSAGES, description="In order, oldest first.")
    occurred_at: Time | None = Field(
        None, description="When it took place, an ISO 8601 time with an offset; now, if left out."
    )


class PlainSchema(GenerateJsonSchema):
    """A JSON Schema with less to read: a schema of arguments is a part of every prompt."""

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        """An argument that may be left out need not say that null is taken as well."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """A default of null says no more than that it may be left out."""
        made = super().default_schema(schema)
        return {name: value for name, value in made.items() if (name, value) != ("default", None)}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A field's name is title enough."""
        return False


def plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of arguments or of an answer, without the names and the words of its class."""
    made = model.model_json_schema(schema_generator=PlainSchema)
    return {name: value for name, value in made.items() if name not in ("title", "description")}


def checked_arguments(model: type[ToolArguments], arguments: Any) -> ToolArguments:
    """The arguments of a call. Raises: InvalidInput, naming the argument and the mend."""
    try:
        return model.model_validate(arguments or {})
    except ValidationError as error:
        # First: what seems to be missing may only be misspelt.
        unknown = [each["loc"] for each in error.errors(include_url=False) if each["type"] == "extra_forbidden"]
        if unknown:
            name = ".".join(str(step) for step in unknown[0])
            mend = f"is no argument of this tool: leave it out, or use one of {', '.join(model.model_fields)}"
            raise InvalidInput(name, "an argument", mend) from None
        raise InvalidInput.from_validation(error) from None
