"""Publishing conversations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from afterword.gateway.answers import NDJSON, READING, WRITING, json_answer, problems
from afterword.gateway.bodies import IdempotencyKey, json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.limits import OverLimit
from afterword.gateway.problems import Problem, Refused, problem, problem_of
from afterword.gateway.routes import API
from afterword.gateway.visits import UncountedVisiting, Visit, Visiting
from afterword.producers import PublishResult
from afterword.schemas.answers import ConversationState
from afterword.schemas.commands import GetConversation
from afterword.schemas.conversation import ConversationFinished
from afterword.schemas.errors import AfterwordError, InvalidInput, MemoryUnavailable
from afterword.schemas.limits import LimitedKind

router = APIRouter(prefix=API, tags=["conversations"])

OURS: Final = frozenset({"version", "part", "parts", "skipped", "publishes"})
"""Set by clients of Redis, of which the gateway is one."""

MOST_LINES: Final = 10_000
GROUP_LINES: Final = 100
"""Lines that are published in one round trip."""

MOST_WAITING: Final = 5_000
MOST_WAITING_BYTES: Final = 32 * 1024 * 1024
"""Events that wait for a Redis that is away: half of what the client's outbox holds. Past it nothing more is taken,
since a full outbox drops what it had taken."""


class Published(BaseModel):
    """A conversation that was taken. `waits` is true while Redis is away: the gateway holds the event and sends it as
    soon as it can; to be sure, publish it again with the same id.
    """

    event_id: str = Field(examples=["run-7f3a"])
    waits: bool = False


class PublishedLine(BaseModel):
    """The result for a line of a batch: its event id, or why it was refused."""

    line: int = Field(description="From 1, as in the body; empty lines count.", examples=[1])
    event_id: str | None = None
    status: int = Field(202, examples=[202])
    code: str | None = None
    detail: str | None = None
    field: str | None = None


_Body = Annotated[
    Fields, Depends(json_body(ConversationFinished, name="Conversation", without=OURS, unread=("messages",)))
]
EventId = Annotated[str, Path(min_length=1, description="The id of an event, as it was answered.")]
_Got = Annotated[Fields, Depends(query_string(GetConversation, name="ConversationQuery", without=("event_id",)))]


@router.post("/conversations", status_code=202, response_model=Published, responses=problems(WRITING))
async def publish(visit: UncountedVisiting, body: _Body, key: IdempotencyKey = None) -> Response:
    """Publish a finished conversation. The answer comes as soon as Redis has it; memories are made behind it.

    `messages` may be as most frameworks hold them. The event id is `event_id` or the header `Idempotency-Key`.
    """
    refuse_when_full(visit)
    fields = visit.caller.of_user(with_key(body, key))
    await visit.admit(LimitedKind.PUBLISHES, fields)
    event_id = await visit.client.publish(None, **fields)
    return json_answer(Published(event_id=str(event_id), waits=visit.client.stats.queued > 0), 202)


@router.get("/conversations/{event_id}", response_model=ConversationState, responses=problems((*READING, 404)))
async def get_conversation(visit: Visiting, event_id: EventId, query: _Got) -> Response:
    """How far a published conversation has come: 404 while no worker has taken it in."""
    fields = visit.caller.of_user(query)
    return json_answer(await visit.client.conversation(event_id, **fields, timeout=visit.settings.command_seconds))


@router.post(
    "/conversations/batch",
    status_code=202,
    response_model=PublishedLine,
    responses={
        **problems([status for status in WRITING if status not in (400, 422)]),
        202: {"content": {NDJSON: {}}, "description": "A result for each line, in order."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"schema": {"type": "string"}}},
            "description": f"A conversation a line, at most {MOST_LINES:,}.",
        }
    },
)
async def publish_batch(visit: UncountedVisiting, request: Request) -> Response:
    """Publish many: a conversation as JSON a line (NDJSON). One line that is refused costs that line alone."""
    refuse_when_full(visit)
    # All of the body before the answer begins: a client that only writes would wait for us, and we for it.
    results = [result async for result in published_lines(visit, lines_of(request, visit.settings.body_bytes))]
    text = "".join(f"{result.model_dump_json(exclude_none=True)}\n" for result in results)
    return Response(text, 202, media_type=NDJSON)


def refuse_when_full(visit: Visit) -> None:
    """Raises: MemoryUnavailable, while too much waits for Redis."""
    stats = visit.client.stats
    if stats.queued > MOST_WAITING or stats.queued_bytes > MOST_WAITING_BYTES:
        raise MemoryUnavailable("too much waits for Redis")


def with_key(fields: Fields, key: str | None) -> Fields:
    """The fields of an event with its id, which may stand in the header. Raises: InvalidInput, where two differ."""
    if key is None:
        return fields
    if fields.get("event_id", key) != key:
        raise InvalidInput("event_id", "another id than Idempotency-Key", "must be that of the header, or be left out")
    return {**fields, "event_id": key}


async def lines_of(request: Request, most_bytes: int) -> AsyncIterator[bytes]:
    """The lines of a body as it comes. Raises: Refused, for a line that is too long."""
    rest = b""
    async for chunk in request.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > most_bytes:
            raise Refused(413, f"a line must be at most {most_bytes} bytes")
    if rest:
        yield rest


async def published_lines(visit: Visit, lines: AsyncIterator[bytes]) -> AsyncIterator[PublishedLine]:
    """Publish lines in groups; the result of each, in order. What ends the body early is the last result."""
    number = 0
    group: list[tuple[int, Fields | AfterwordError]] = []
    ending: Problem | None = None
    try:
        async for line in lines:
            number += 1
            if number > MOST_LINES:
                raise Refused(413, f"a batch must be at most {MOST_LINES} lines")
            if line.strip():
                group.append((number, read_line(visit, line)))
            if len(group) >= GROUP_LINES:
                for result in await _published(visit, group):
                    yield result
                group = []
    except (Refused, HTTPException) as error:
        # What came before is published: its ids must be told, not hidden behind one status.
        ending = error.problem if isinstance(error, Refused) else problem(error.status_code, error.detail)
    for result in await _published(visit, group):
        yield result
    if ending is not None:
        yield _refused(number + (number <= MOST_LINES), ending)


def read_line(visit: Visit, line: bytes) -> Fields | AfterwordError:
    """The fields of an event in a line, or why it is refused."""
    try:
        told: Any = json.loads(line)
    # RecursionError: nested more deeply than the decoder goes.
    except (ValueError, RecursionError):
        return Refused(400, "the line must be a JSON object")
    if not isinstance(told, dict):
        return Refused(400, "the line must be a JSON object")
    unknown = sorted(told.keys() - (ConversationFinished.model_fields.keys() - OURS - {"tenant_id"}))
    if unknown:
        return InvalidInput(unknown[0], "a field", "is no field of this request: check the spelling")
    try:
        return visit.caller.of_user(told)
    except AfterwordError as error:
        return error


async def _admitted(visit: Visit, fields: Fields | AfterwordError) -> Fields | AfterwordError:
    if not isinstance(fields, AfterwordError):
        try:
            await visit.admit(LimitedKind.PUBLISHES, fields)
        except OverLimit as error:
            return error
    return fields


async def _published(visit: Visit, lines: list[tuple[int, Fields | AfterwordError]]) -> list[PublishedLine]:
    # Each line is a conversation, and counts as one.
    group = [(number, await _admitted(visit, fields)) for number, fields in lines]
    sent = iter(await visit.client.publish_many(each for _, each in group if not isinstance(each, AfterwordError)))
    results = []
    for number, each in group:
        result = PublishResult(error=None) if isinstance(each, AfterwordError) else next(sent)
        error = each if isinstance(each, AfterwordError) else result.error
        results.append(
            PublishedLine(line=number, event_id=result.event_id)
            if error is None
            else _refused(number, problem_of(error))
        )
    return results


def _refused(number: int, found: Problem) -> PublishedLine:
    return PublishedLine(line=number, status=found.status, code=found.code, detail=found.detail, field=found.field)
