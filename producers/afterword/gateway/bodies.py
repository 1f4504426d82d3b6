"""Bodies and query strings of the routes, made from the contract: a field that a request gets, its route has as well.

What the gateway fills in by itself is left out: the tenant is the caller's, and replies go to nobody but the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Any, Final

from fastapi import Header, Query
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, create_model
from pydantic.fields import FieldInfo

from afterword.gateway.callers import Fields
from afterword.schemas.values import Id, Model

FILLED_IN: Final = frozenset(
    {"version", "request_id", "tenant_id", "reply_to", "deadline_ms", "command", "by", "asked_by"}
)
"""Fields that no caller may give: they say who calls, or how the request travels."""

IdempotencyKey = Annotated[
    Id | None,
    Header(alias="Idempotency-Key", description="The same key again is the same request, and has its effect once."),
]


def json_body(model: type[Model], *, name: str, without: Collection[str] = (), unread: Collection[str] = ()) -> Any:
    """The type of a route's parameter: the fields of a request, from a JSON body; only those that were given.

    `unread` are fields that the contract itself reads, in more shapes than it documents.
    """
    return _parameter(_fields_model(model, name, without, unread))


def query_string(model: type[Model], *, name: str, without: Collection[str] = ()) -> Any:
    """As `json_body`, from the query string."""
    return _parameter(Annotated[_fields_model(model, name, without, ()), Query()])


def _parameter(annotation: Any) -> Callable[..., Fields]:
    def given(fields: BaseModel) -> Fields:
        return {each: getattr(fields, each) for each in fields.model_fields_set}

    # FastAPI reads the annotation of a dependency, and this one is known only now.
    given.__annotations__ = {"fields": annotation, "return": dict}
    return given


def _fields_model(model: type[Model], name: str, without: Collection[str], unread: Collection[str]) -> type[BaseModel]:
    kept = {each: info for each, info in model.model_fields.items() if each not in FILLED_IN and each not in without}
    examples = _examples(model, kept)
    made: Any = create_model(
        name,
        __config__=ConfigDict(
            frozen=True,
            # A misspelt `session_id` must not widen a clear.
            extra="forbid",
            allow_inf_nan=False,
            json_schema_extra={"examples": examples} if examples else None,
        ),
        __doc__=None,
        **{each: _field(each, info, unread) for each, info in kept.items()},
    )
    return made


def _field(name: str, info: FieldInfo, unread: Collection[str]) -> Any:
    annotation: Any = info.annotation
    for each in info.metadata:
        annotation = Annotated[annotation, each]
    if name in unread:
        annotation = Annotated[annotation, SkipValidation]
    # The one who calls may stand for the user.
    if name == "user_id" and info.is_required():
        return Id | None, Field(None, description="Left out, it is the caller's own.")
    return annotation, info


def _examples(model: type[Model], kept: Collection[str]) -> list[Any]:
    extra = model.model_config.get("json_schema_extra")
    given = extra.get("examples") if isinstance(extra, dict) else None
    listed: list[Any] = given if isinstance(given, list) else []
    return [{each: value for each, value in example.items() if each in kept} for example in listed]
