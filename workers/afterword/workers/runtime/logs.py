"""Logs: JSON in production, readable in a terminal, library records included. Never what a person said."""

from __future__ import annotations

import logging
import sys
import threading

import structlog

from afterword.workers.observing.log_processors import drop_arguments, name_messages, renderers
from afterword.workers.runtime.settings import Settings

_NOISY = ("httpx", "httpcore", "httpx2", "httpcore2", "openai", "alembic")
"""Libraries that log each request at INFO."""


def configure(settings: Settings) -> None:
    """Set up the logging of the process: its level and its format, for our lines and those of libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            name_messages,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    # On the handler: a filter of the root logger does not see the records of other loggers.
    handler.addFilter(drop_arguments)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers(settings.log_format)],
        )
    )
    logging.captureWarnings(True)
    threading.excepthook = _log_ended_thread
    root = logging.getLogger()
    # In place of what a library may have set up when it was imported: no line comes twice.
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # Where mem0 fails, an error of ours is raised; mem0's own lines repeat the text that a store was sent.
    logging.getLogger("mem0").setLevel(logging.CRITICAL)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _log_ended_thread(ended: threading.ExceptHookArgs) -> None:
    """Log that an error ended a thread; Python would print the error's own words, and not as JSON."""
    name = ended.thread.name if ended.thread else "?"
    logging.getLogger(__name__).critical("thread %s ended", name, exc_info=ended.exc_value)
