"""The body of a chat completion, as any compatible endpoint sends it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from afterword.workers.core.errors import BadAnswer
from afterword.workers.core.tokens import Tokens
from afterword.workers.models.llms.port import Completion


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None

    def tokens(self) -> Tokens:
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        return Tokens(self.prompt_tokens or 0, cached or 0, self.completion_tokens or 0)


class _Body(BaseModel):
    model: str | None = None
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


def read(body: str, model: str) -> Completion:
    """The whole answer in a response body; `model` is named where the body names none.

    Raises: BadAnswer, for anything but a complete answer with content.
    """
    try:
        found = _Body.model_validate_json(body)
    except ValidationError:
        raise BadAnswer(f"{model}: the response is not a chat completion") from None
    tokens = found.usage.tokens() if found.usage else Tokens()
    return Completion(text=_content(found.choices[0], model, tokens), model=found.model or model, tokens=tokens)


def _content(choice: _Choice, model: str, tokens: Tokens) -> str:
    if choice.message.refusal:
        raise BadAnswer(f"{model}: the model refused to answer", tokens)
    if choice.finish_reason == "length":
        raise BadAnswer(f"{model}: the answer was cut off at the model's limit", tokens)
    if choice.finish_reason == "content_filter":
        raise BadAnswer(f"{model}: the answer was withheld by the provider's content filter", tokens)
    if not (choice.message.content or "").strip():
        raise BadAnswer(f"{model}: the answer is empty", tokens)
    return choice.message.content or ""
