"""Bringing in what was kept of a user elsewhere: an export, memories of mem0, chats. A line costs itself alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from afterword.gateway.answers import NDJSON, WRITING, json_answer, problems
from afterword.gateway.limits import OverLimit
from afterword.gateway.problems import Problem, Refused, problem_of
from afterword.gateway.routes import API
from afterword.gateway.routes.conversations import lines_of, refuse_when_full
from afterword.gateway.visits import UncountedVisiting, Visit
from afterword.producers.imports import ImportItem, import_items
from afterword.schemas.errors import AfterwordError, CommandFailed, InvalidInput
from afterword.schemas.imports import MAX_IMPORTED, GivenMemory
from afterword.schemas.limits import LimitedKind

router = APIRouter(prefix=API, tags=["users"])

MOST_THINGS: Final = 1_000
"""Of one request: its caller waits for the answer, and proxies do not wait for minutes."""

_JSON: Final = "application/json"
_UserId = Annotated[str, Path(min_length=1, description="Whose they become.")]


class RefusedLine(BaseModel):
    """A line of which something was refused, and why."""

    line: int = Field(description="From 1, as in the body; of a document, the item's number.", examples=[3])
    status: int = Field(examples=[422])
    code: str
    detail: str
    field: str | None = None


class ImportReport(BaseModel):
    """The result of an import. What is `known` was there already; `left_out` counts messages of chats that are nobody's
    words, such as a tool's; `refused` are the lines to be mended and sent again.
    """

    added: int = 0
    known: int = 0
    published: int = 0
    left_out: int = 0
    refused: list[RefusedLine] = Field(default_factory=list)


@router.post(
    "/users/{user_id}/import",
    response_model=ImportReport,
    responses=problems(WRITING),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"schema": {"type": "string"}}, _JSON: {"schema": {}}},
            "description": f"At most {MOST_THINGS:,} things, a line each, or one JSON document of them: lines of an "
            "export, memories as mem0's `get_all` gives them, chats with `messages`, ChatGPT's conversations.",
        }
    },
)
async def import_user(visit: UncountedVisiting, user_id: _UserId, request: Request) -> Response:
    """Bring memories and chats of a user in. Sent again, nothing comes twice: so a longer file is sent in parts."""
    refuse_when_full(visit)
    whose = visit.caller.of_user({"user_id": user_id})["user_id"]
    bringing = _Import(visit, str(whose))
    async for number, told in _things(request, visit.settings.body_bytes):
        await bringing.take(number, told)
    return json_answer(await bringing.end())


async def _things(request: Request, most_bytes: int) -> AsyncIterator[tuple[int, ImportItem | AfterwordError]]:
    """The things in a body, each with the number of its line, or of its place in a document."""
    if request.headers.get("content-type", "").split(";")[0].strip() == _JSON:
        found = list(enumerate(import_items(await _document(request, most_bytes)), 1))
        if len(found) > MOST_THINGS:
            raise Refused(413, f"a document must hold at most {MOST_THINGS} things: send them in parts")
        for each in found:
            yield each
        return
    number = 0
    async for line in lines_of(request, most_bytes):
        number += 1
        if number > MOST_THINGS:
            yield number, Refused(413, f"an import must be at most {MOST_THINGS} lines: send the rest by itself")
            return
        if line.strip():
            for item in import_items(_decoded(line)):
                yield number, item


async def _document(request: Request, most_bytes: int) -> Any:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise Refused(413, f"a document must be at most {most_bytes} bytes: send its items as lines")
    if (told := _decoded(bytes(body))) is None:
        raise Refused(400, "the body must be JSON")
    return told


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    # RecursionError: nested more deeply than the decoder goes.
    except (ValueError, RecursionError):
        return None


class _Import:
    """One request: what came so far, sent on in batches."""

    def __init__(self, visit: Visit, user_id: str) -> None:
        self._visit = visit
        self._user_id = user_id
        self._report = ImportReport()
        self._memories: list[tuple[int, GivenMemory]] = []
        self._chats: list[tuple[int, Mapping[str, Any]]] = []
        self._objects = False

    async def take(self, number: int, item: ImportItem | AfterwordError) -> None:
        """Take one thing. Raises: MemoryUnavailable; CommandFailed, where nothing may be kept of the user."""
        if isinstance(item, AfterwordError):
            self._refuse(number, item)
            return
        self._report.left_out += item.left_out
        self._objects = self._objects or item.objects
        if item.memory is not None:
            self._memories.append((number, item.memory))
        if item.conversation is not None:
            self._chats.append((number, item.conversation))
        if len(self._memories) == MAX_IMPORTED or len(self._chats) == MAX_IMPORTED:
            await self._send()

    async def end(self) -> ImportReport:
        """Send the rest on. An objection comes last: it would refuse what comes with it."""
        await self._send()
        if self._objects:
            await self._visit.admit(LimitedKind.COMMANDS, {"user_id": self._user_id})
            account, seconds = self._visit.caller.account, self._visit.settings.command_seconds
            await self._visit.client.users.set(self._user_id, memory=False, asked_by=account, timeout=seconds)
        return self._report

    async def _send(self) -> None:
        memories, self._memories = self._memories, []
        if memories:
            await self._import(memories)
        chats, self._chats = self._chats, []
        if chats:
            await self._publish(chats)

    async def _import(self, lines: list[tuple[int, GivenMemory]]) -> None:
        try:
            await self._visit.admit(LimitedKind.COMMANDS, {"user_id": self._user_id})
            done = await self._visit.client.users.import_memories(
                self._user_id,
                [memory for _, memory in lines],
                asked_by=self._visit.caller.account,
                timeout=self._visit.settings.clear_seconds,
            )
        except (InvalidInput, OverLimit, CommandFailed) as error:
            if isinstance(error, CommandFailed) and error.code != "invalid":
                raise
            if isinstance(error, OverLimit) or len(lines) == 1:
                for number, _ in lines:
                    self._refuse(number, error)
                return
            # One by one: the memory that a store refuses costs none of the others.
            for line in lines:
                await self._import([line])
            return
        self._report.added += done.added
        self._report.known += done.known

    async def _publish(self, lines: list[tuple[int, Mapping[str, Any]]]) -> None:
        admitted = []
        for number, chat in lines:
            try:
                await self._visit.admit(LimitedKind.PUBLISHES, {**chat, "user_id": self._user_id})
            except OverLimit as error:
                self._refuse(number, error)
            else:
                admitted.append((number, {**chat, "user_id": self._user_id}))
        results = await self._visit.client.publish_many(event for _, event in admitted)
        for (number, _), result in zip(admitted, results, strict=True):
            if result.error is None:
                self._report.published += 1
            else:
                self._refuse(number, result.error)

    def _refuse(self, number: int, error: AfterwordError) -> None:
        found: Problem = problem_of(error)
        told = RefusedLine(line=number, status=found.status, code=found.code, detail=found.detail, field=found.field)
        self._report.refused.append(told)
