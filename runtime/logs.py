"""Structured logs: one set-up for every process, for our events and for the libraries' alike."""

import logging
import os
import sys
from enum import StrEnum
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger


class LogFormat(StrEnum):
    """How a log line looks."""

    AUTO = "auto"  # console on a terminal, JSON elsewhere
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe event that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The level as the standard library counts it."""
        return logging.getLevelNamesMapping()[self.upper()]


def get_logger(name: str) -> FilteringBoundLogger:
    """Give the logger of one module; events are dotted names, facts are keyword arguments."""
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


def configure_logs(
    *, level: LogLevel, log_format: LogFormat, process: str, stream: TextIO | None = None
) -> None:
    """Write events to standard error (or `stream`) in the asked form.

    Events of the standard library's `logging` come out in the same form. Under the supervisor,
    which writes the process's name in front of each line itself, the environment asks for colours
    by ``FORCE_COLOR``.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _adder(process),
    ]
    structlog.configure(
        processors=[*shared, *_renderers(log_format, out)],
        wrapper_class=structlog.make_filtering_bound_logger(level.number),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _name_of_foreign],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, out),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level.number, logging.INFO), force=True)
    # A line per request is what /metrics is for.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def wants_colours(stream: TextIO) -> bool:
    """Decide by NO_COLOR, FORCE_COLOR, then by whether `stream` is a terminal (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _renderers(log_format: LogFormat, out: TextIO) -> list[Processor]:
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and out.isatty())
    if console:
        return [
            _short_time,
            structlog.dev.ConsoleRenderer(
                colors=wants_colours(out),
                pad_event_to=28,
                # Its usual ones print every variable of every frame, secrets included.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


def _adder(process: str) -> Processor:
    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add_process


def _short_time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep the time of day only; the prefix of the line names the process."""
    event["timestamp"] = str(event.get("timestamp", ""))[11:23]
    event.pop("process", None)
    event.pop("module", None)
    return event


def _name_of_foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["module"] = record.name
    return event
