"""`afterword context` and `afterword search`: the memories that an agent would get, and why."""

from __future__ import annotations

import json as encoding
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.explanations import explanation_table, memory_line
from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas import ContextReply, Kind, Scope
from afterword.schemas.commands import DEFAULT_FOUND
from afterword.schemas.context import DEFAULT_LIMIT, DEFAULT_TOKEN_BUDGET
from afterword.schemas.printable import printable, printable_json, printable_lines

if TYPE_CHECKING:
    from afterword.producers import MemoryClient

_User = Annotated[str, typer.Argument(metavar="USER", help="Whose memories (tenant: AFTERWORD_TENANT_ID).")]
_Agent = Annotated[str | None, typer.Option(help="The agent.")]
_Session = Annotated[str | None, typer.Option(help="The session.")]
_Explain = Annotated[bool, typer.Option("--explain", help="Each memory's signals, and why it is there or left out.")]
_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
# By default longer than an agent waits (`CONTEXT_SECONDS`): no prompt is held up here.
_Timeout = Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the workers.")]

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def context(
    user: _User,
    question: Annotated[str | None, typer.Argument(help="The user's message; without one what is important.")] = None,
    agent: _Agent = None,
    session: _Session = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="Only this scope; may be given again.")] = None,
    limit: Annotated[int, typer.Option(help="Memories at most.")] = DEFAULT_LIMIT,
    tokens: Annotated[int, typer.Option(help="Tokens of the text at most.")] = DEFAULT_TOKEN_BUDGET,
    language: Annotated[str | None, typer.Option(help="That of the headings.")] = None,
    always: Annotated[int, typer.Option(help="Facts to keep in that say who the user is.")] = 0,
    time_zone: Annotated[str | None, typer.Option(help="The user's: Asia/Tokyo, +09:00.")] = None,
    explain: _Explain = False,
    json: _AsJson = False,
    timeout: _Timeout = 5.0,
) -> None:
    """The memories for a prompt, as an agent gets them."""
    with _client() as client:
        found = client.context(
            user,
            agent_id=agent,
            session_id=session,
            query=question,
            scopes=scope or None,
            limit=limit,
            token_budget=tokens,
            language=language,
            always=always,
            time_zone=time_zone,
            explain=explain,
            timeout=timeout,
        )
    _tell_degraded(found.degraded)
    if json:
        # The contract's own shape, the one that its JSON schema describes.
        reply = ContextReply(
            memories=found.memories,
            text=found.text,
            degraded=found.degraded,
            timings_ms=dict(found.timings_ms),
            explanations=found.explanations,
        )
        print(printable_json(reply.model_dump_json(indent=2)))
        return
    print(printable_lines(found.text) or "nothing that belongs in the prompt")
    if explain:
        print(f"\n{explanation_table(found.explanations)}")


def search(
    user: _User,
    words: Annotated[str | None, typer.Argument(help="What is searched; without it the newest are listed.")] = None,
    agent: _Agent = None,
    session: _Session = None,
    scope: Annotated[Scope | None, typer.Option(help="Only this scope.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on: ISO 8601, or a UTC day.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic, such as work or food.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="NAME=VALUE it must hold; may be given again.")] = None,
    archived: Annotated[
        bool, typer.Option("--archived", help="Those that were archived, instead of the others.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Memories a page.")] = DEFAULT_FOUND,
    cursor: Annotated[str | None, typer.Option(help="Of the page before.")] = None,
    explain: _Explain = False,
    json: _AsJson = False,
    timeout: _Timeout = 5.0,
) -> None:
    """A user's memories about something, best first: relevance, id, scope, kind, time, text."""
    with _client() as client:
        page = client.memories.search(
            words,
            user_id=user,
            agent_id=agent,
            session_id=session,
            scope=scope,
            kind=kind,
            since=_moment(since),
            until=_moment(until),
            topic=topic,
            metadata=dict(_wanted(each) for each in metadata or ()),
            archived=archived,
            limit=limit,
            cursor=cursor,
            explain=explain,
            timeout=timeout,
        )
    _tell_degraded(page.degraded)
    if json:
        print(printable_json(page.model_dump_json(indent=2)))
        return
    for memory in page.memories:
        print(memory_line(memory))
    if page.explanations:
        print(f"\n{explanation_table(page.explanations)}")
    if page.next_cursor:
        print(f"\nmore: --cursor {printable(page.next_cursor)}")


def restore(
    user: _User, memory_id: Annotated[str, typer.Argument(help="The memory's id, as `search --archived` shows it.")]
) -> None:
    """Take a memory of a user out of the archive: contexts may hold it again."""
    with _client() as client:
        print(memory_line(client.memories.restore(memory_id, user_id=user, asked_by=COMMAND_LINE)))


def _client() -> MemoryClient:
    from afterword.producers import MemoryClient

    # An agent goes on without memories; whoever asks here wants to know that there was no answer.
    return MemoryClient.from_env({**os.environ, "AFTERWORD_ON_UNAVAILABLE": "raise", "AFTERWORD_ON_INVALID": "raise"})


def _tell_degraded(parts: tuple[str, ...]) -> None:
    if parts:
        # To stderr, since the answer may be piped into another program.
        print(printable(f"degraded: {', '.join(parts)}"), file=sys.stderr)


def _moment(given: str | None) -> str | None:
    return f"{given}T00:00:00Z" if given and _DAY.fullmatch(given) else given


def _wanted(given: str) -> tuple[str, str | int | float | bool]:
    """`level=3` is a number and `sure=true` a boolean, as in JSON; `level="3"` and all else is text."""
    name, equals, text = given.partition("=")
    if not equals:
        raise typer.BadParameter(f"{given!r} is not NAME=VALUE", param_hint="--metadata")
    try:
        value = encoding.loads(text)
    except ValueError:
        return name, text
    return name, value if isinstance(value, str | int | float) else text
