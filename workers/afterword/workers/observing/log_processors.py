"""Log processors: they keep what a person said out of every line, also where an error is rendered."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import TextIO

import structlog
from dramatiq.actor import Actor
from dramatiq.broker import MessageProxy
from dramatiq.errors import ActorNotFound
from dramatiq.message import Message

from afterword.schemas.printable import cut, printable, printable_lines
from afterword.workers.core.errors import told

_ACTORS = Actor.__call__.__code__.co_filename
"""The file in which Dramatiq logs the arguments of each call of an actor."""

_LONGEST = 2_000
"""The most characters of a value in a line. The beginning tells what a server's error page is."""

_TRACEBACKS = ("exception", "stack")
"""Values with lines of their own. Their words were escaped when they were rendered."""


def drop_arguments(record: logging.LogRecord) -> bool:
    """A filter for the standard library's records: messages are named, and calls of actors are not logged at all.

    Dramatiq logs whole messages, whose arguments are conversations; and with a traceback that an actor is not there,
    whose name anybody may have written.
    """
    if record.pathname == _ACTORS:
        return False
    if record.exc_info and isinstance(record.exc_info[1], ActorNotFound):
        record.exc_info = None
    record.msg = _named(record.msg)
    if isinstance(record.args, tuple):
        record.args = tuple(_named(argument) for argument in record.args)
    return True


def name_messages(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Name the messages in a line that is logged through structlog, as `drop_arguments` does for other lines."""
    named = {key: _named(value) for key, value in event.items()}
    # structlog formats these later: here they are still objects, messages among them.
    if "positional_args" in event:
        named["positional_args"] = tuple(_named(argument) for argument in event["positional_args"])
    return named


def escape_values(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Write out control characters: what comes from outside neither steers a terminal nor begins a line of its own."""
    return _each_text(event, lambda text: printable(text, limit=_LONGEST))


def escape_within_lines(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """As `escape_values`, for a renderer that escapes newlines itself, as JSON does."""
    return _each_text(event, lambda text: cut(printable_lines(text), _LONGEST))


def _each_text(event: structlog.typing.EventDict, shown: Callable[[str], str]) -> structlog.typing.EventDict:
    return {
        name: shown(value) if isinstance(value, str) and name not in _TRACEBACKS else value
        for name, value in event.items()
    }


def renderers(log_format: str) -> list[structlog.typing.Processor]:
    """The last processors of a line: `text` for people, `json` for machines, `auto` by whether stderr is a terminal."""
    if log_format == "text" or (log_format == "auto" and sys.stderr.isatty()):
        # structlog's own formatter shows the variables of every frame: what a person said among them.
        console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback)
        return [escape_values, console]
    exceptions = structlog.processors.ExceptionRenderer(lambda raised: _traceback_of(raised[1]))
    # ensure_ascii=False, so that an id in Chinese stays readable.
    return [escape_within_lines, exceptions, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _named(argument: object) -> object:
    if isinstance(argument, Message | MessageProxy):
        return f"{argument.actor_name}[{argument.message_id}]"
    return argument


def _write_traceback(output: TextIO, raised: structlog.typing.ExcInfo) -> None:
    output.write(_traceback_of(raised[1]))


def _traceback_of(error: BaseException) -> str:
    """Where an error was raised, its causes first, each with the words that may be told of it."""
    causes = [error]
    # A cause may lead back to an error that is listed already: the check ends that circle.
    while (cause := causes[-1].__cause__ or _context(causes[-1])) and cause not in causes:
        causes.append(cause)
    return "\n".join(f"{''.join(traceback.format_tb(each.__traceback__))}{_said(each)}" for each in reversed(causes))


def _said(error: BaseException) -> str:
    return printable(told(error), limit=_LONGEST)


def _context(error: BaseException) -> BaseException | None:
    # `raise … from None` hides a cause on purpose: its words may repeat what a person said.
    return None if error.__suppress_context__ else error.__context__
