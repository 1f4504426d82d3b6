"""The bodies and query strings of mem0's `search`, `get_all` and `delete_all`."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from afterword.gateway.callers import Fields
from afterword.gateway.compat.mem0.clauses import clauses_of
from afterword.gateway.compat.mem0.expressions import ENTITIES, OWNERS, AllOf, Expression, read_filters
from afterword.schemas import InvalidInput
from afterword.schemas.errors import shortened

DEFAULT_THRESHOLD = 0.1
"""mem0's own, since its third version."""

_LONGEST_FILTERS = 10_000


class WhichMemories(BaseModel):
    """Which memories are meant, in `search` and `get_all` alike."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    filters: dict[str, Any] | None = None
    categories: list[str] | None = None
    metadata: dict[str, Any] | None = None
    show_expired: bool | None = None
    latest_only: bool | None = None
    # They say whose key it is, and the key does that.
    org_id: Any = None
    project_id: Any = None

    @model_validator(mode="before")
    @classmethod
    def _owners_in_filters(cls, given: Any) -> Any:
        named = [name for name in ENTITIES if isinstance(given, Mapping) and name in given]
        if named:
            raise ValueError(f"{named[0]} must be in filters, as in mem0's own API")
        return given

    @field_validator("show_expired")
    @classmethod
    def _none_expired(cls, value: bool | None) -> bool | None:
        if value:
            raise ValueError("must be left out: expired memories are removed, and shown to nobody")
        return value

    def expression(self) -> Expression:
        """All of it as one expression. Raises: InvalidInput."""
        parts = [read_filters(self.filters)]
        if self.categories:
            parts.append(read_filters({"categories": {"in": self.categories}}))
        if self.metadata:
            parts.append(read_filters({"metadata": self.metadata}))
        return AllOf(tuple(parts))


class SearchBody(WhichMemories):
    """The body of `search`. `rerank` and `keyword_search` change nothing: ranking always looks at meaning and words."""

    query: str
    top_k: Annotated[int, Field(ge=1, le=1000)] = 10
    threshold: Annotated[float, Field(ge=0, le=1)] = DEFAULT_THRESHOLD
    fields: list[str] | None = None
    rerank: bool | None = None
    keyword_search: bool | None = None
    reference_date: Any = None

    @model_validator(mode="after")
    def _asked_now(self) -> Self:
        if not self.query.strip():
            raise ValueError("query must hold words")
        if self.reference_date is not None:
            raise ValueError("reference_date is not taken: times in a question are reckoned from now")
        return self


class ListBody(WhichMemories):
    """The body of `get_all`; both dates are included."""

    start_date: str | int | None = None
    end_date: str | int | None = None
    fields: list[str] | None = None

    @field_validator("latest_only")
    @classmethod
    def _all_versions(cls, value: bool | None) -> bool | None:
        if value:
            raise ValueError("must be left out: only a search tells which memory replaces another")
        return value

    def expression(self) -> Expression:
        """All of it as one expression. Raises: InvalidInput."""
        dates = {"gte": self.start_date, "lte": self.end_date}
        period = {name: value for name, value in dates.items() if value is not None}
        which = super().expression()
        return AllOf((which, read_filters({"created_at": period}))) if period else which


def owner_to_clear(query: Mapping[str, str], own_user: str | None) -> Fields:
    """The owner whom `delete_all` names, as the fields of our `clear`.

    Raises: InvalidInput, for anything that would leave a part of the owner's memories: a clear takes all.
    """
    given = {name: value for name, value in query.items() if name not in ("org_id", "project_id")}
    filters = _filters_in(given.pop("filters")) if "filters" in given else {}
    for name in given:
        if name not in OWNERS:
            mend = f"must be one of {', '.join(OWNERS)}: all of an owner is deleted"
            raise InvalidInput(name, "a condition", mend)
    clauses = clauses_of(AllOf((read_filters(filters), read_filters(given))), user_id=own_user)
    if len(clauses) != 1 or not clauses[0].is_exact or clauses[0].fields.keys() - {"user_id", "agent_id", "session_id"}:
        mend = "must name one user_id, with a run_id or without, or one agent_id: all of an owner is deleted"
        raise InvalidInput("filters", "other conditions", mend)
    fields = clauses[0].fields
    if "user_id" in fields and "agent_id" in fields:
        mend = "must be left out: what a user said with one agent cannot be deleted by itself"
        raise InvalidInput("agent_id", "a second owner", mend)
    return fields


def _filters_in(text: str) -> Any:
    """Filters in a query string: JSON, or what mem0's client writes there, which is Python."""
    if len(text) <= _LONGEST_FILTERS:
        for read in (json.loads, ast.literal_eval):
            try:
                return read(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
    raise InvalidInput("filters", shortened(text, 20), 'must be an object as JSON, such as {"user_id": "ada"}')
