"""Logs: JSON in production, readable in a terminal, library records included. Never what a person said."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import TextIO

import structlog
from dramatiq.actor import Actor
from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from afterword.workers.core.errors import told
from afterword.workers.runtime.settings import Settings

_NOISY = ("httpx", "httpcore", "httpx2", "httpcore2", "openai", "alembic")

_ACTORS = Actor.__call__.__code__.co_filename


def configure(settings: Settings) -> None:
    """Set the process's logging up."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            _messages_named,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_without_messages)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings.log_format)],
        )
    )
    logging.captureWarnings(True)
    threading.excepthook = _log_ended_thread
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # What goes wrong inside mem0 is raised as an error of ours; its own lines repeat what a store was told.
    logging.getLogger("mem0").setLevel(logging.CRITICAL)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _log_ended_thread(ended: threading.ExceptHookArgs) -> None:
    """A thread that an error ended: Python would print the error's words and no JSON."""
    name = ended.thread.name if ended.thread else "?"
    logging.getLogger(__name__).critical("thread %s ended", name, exc_info=ended.exc_value)


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "text" or (log_format == "auto" and sys.stderr.isatty()):
        # The default formatter shows the variables of every frame: what a person said among them.
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback)]
    exceptions = structlog.processors.ExceptionRenderer(lambda raised: _traceback_of(raised[1]))
    return [exceptions, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _write_traceback(output: TextIO, raised: structlog.typing.ExcInfo) -> None:
    output.write(_traceback_of(raised[1]))


def _traceback_of(error: BaseException) -> str:
    """Where an error was raised, its causes first, each as it may be told."""
    causes = [error]
    while (cause := causes[-1].__cause__ or _context(causes[-1])) and cause not in causes:
        causes.append(cause)
    return "\n".join(f"{''.join(traceback.format_tb(each.__traceback__))}{told(each)}" for each in reversed(causes))


def _context(error: BaseException) -> BaseException | None:
    return None if error.__suppress_context__ else error.__context__


def _without_messages(record: logging.LogRecord) -> bool:
    """Dramatiq logs whole messages, whose arguments are conversations: only their name and id may be told.

    What its actors log themselves are the arguments of each call: nothing of that.
    """
    if record.pathname == _ACTORS:
        return False
    record.msg = _named(record.msg)
    if isinstance(record.args, tuple):
        record.args = tuple(_named(argument) for argument in record.args)
    return True


def _messages_named(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The same for what is logged through structlog."""
    named = {key: _named(value) for key, value in event.items()}
    if "positional_args" in event:
        named["positional_args"] = tuple(_named(argument) for argument in event["positional_args"])
    return named


def _named(argument: object) -> object:
    if isinstance(argument, Message | MessageProxy):
        return f"{argument.actor_name}[{argument.message_id}]"
    return argument
