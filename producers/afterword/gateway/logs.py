"""The log of the gateway's own process, in the format of the workers': JSON in production, readable in a terminal."""

from __future__ import annotations

import logging
import sys
import traceback

import structlog

from afterword.gateway.settings import GatewaySettings

_CARRIED = ("method", "route", "status", "ms", "tenant", "account")
"""Fields of the access log; what libraries carry beside their words is theirs."""
_NOISY = ("uvicorn.access", "httptools", "asyncio", "mcp")


def configure(settings: GatewaySettings) -> None:
    """Set up the logging of the process: its level and its format, for our lines and those of libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=_CARRIED),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings.log_format)],
        )
    )
    logging.captureWarnings(True)
    root = logging.getLogger()
    # In place of what a library may have set up when it was imported: no line comes twice.
    root.handlers = [handler]
    root.setLevel(settings.log_level)


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "text" or (log_format == "auto" and sys.stderr.isatty()):
        # structlog's own formatter shows the variables of every frame: what a person said among them.
        return [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=lambda output, raised: print(_where(raised), file=output),
            )
        ]
    exceptions = structlog.processors.ExceptionRenderer(lambda exc_info: _where(exc_info))
    return [exceptions, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _where(raised: structlog.typing.ExcInfo) -> str:
    """Where an error was raised, and its type: its words may repeat what somebody sent."""
    lines = "".join(traceback.format_tb(raised[2]))
    return f"{lines}{raised[0].__name__}"
