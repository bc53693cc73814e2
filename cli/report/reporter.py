"""Ways to show events and the processes' log lines: JSON, plain lines, or a live terminal."""

import sys
from collections.abc import Callable
from typing import Protocol, TextIO

import msgspec

from cli.report.events import AnyEvent, Preparing, Uploading
from cli.report.sentences import sentence

PREFIX_COLUMNS = 9
UPLOAD_STEPS = 4


class Reporter(Protocol):
    """Shows what happens. Methods return at once; they raise `OSError` when nobody reads."""

    def event(self, event: AnyEvent) -> None:
        """Show one event."""
        ...

    def log(self, source: str, line: str) -> None:
        """Show one log line of a process."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was found; later events come as plain lines."""
        ...


class Heedless:
    """Shows events for as long as somebody reads them: a closed pipe or terminal is no failure."""

    def __init__(self, inner: Reporter) -> None:
        self._inner = inner
        self._has_reader = True

    def event(self, event: AnyEvent) -> None:
        """Show one event, if anybody is there."""
        self._try(lambda: self._inner.event(event))

    def log(self, source: str, line: str) -> None:
        """Show one log line, if anybody is there."""
        self._try(lambda: self._inner.log(source, line))

    def close(self) -> None:
        """Leave the terminal as it was found, if it is still there."""
        self._try(self._inner.close)

    def _try(self, show: Callable[[], None]) -> None:
        if not self._has_reader:
            return
        try:
            show()
        except OSError:
            self._has_reader = False


class LogLines:
    """Writes the processes' log lines to standard error, behind their names."""

    def __init__(self, *, as_json: bool, out: TextIO) -> None:
        self._as_json = as_json
        self._out = out

    def write(self, source: str, line: str) -> None:
        """Write one line; what is JSON already names its process itself."""
        if not self._as_json:
            self._out.write(f"{source:<{PREFIX_COLUMNS}}| {line}\n")
        elif line.startswith("{"):
            self._out.write(f"{line}\n")
        else:
            row = msgspec.json.encode({"process": source, "event": line})
            self._out.write(f"{row.decode()}\n")
        self._out.flush()


class JsonReporter:
    """One JSON object a line on standard output; log lines on standard error."""

    def __init__(self, *, json_logs: bool) -> None:
        self._logs = LogLines(as_json=json_logs, out=sys.stderr)

    def event(self, event: AnyEvent) -> None:
        """Write one event."""
        sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
        sys.stdout.flush()

    def log(self, source: str, line: str) -> None:
        """Write one log line."""
        self._logs.write(source, line)

    def close(self) -> None:
        """Nothing is kept open."""


class PlainReporter:
    """Lines for a file or a pipe: progress only where it moved a good way."""

    def __init__(self, *, json_logs: bool) -> None:
        self._logs = LogLines(as_json=json_logs, out=sys.stderr)
        self._last: dict[str, tuple[str, int]] = {}

    def event(self, event: AnyEvent) -> None:
        """Write one event, unless it says nearly what the last one said."""
        if isinstance(event, Uploading | Preparing) and not self._has_moved(event):
            return
        sys.stdout.write(sentence(event) + "\n")
        sys.stdout.flush()

    def log(self, source: str, line: str) -> None:
        """Write one log line."""
        self._logs.write(source, line)

    def close(self) -> None:
        """Nothing is kept open."""

    def _has_moved(self, event: Uploading | Preparing) -> bool:
        if isinstance(event, Uploading):
            share, stage = event.sent_bytes / max(event.total_bytes, 1), "upload"
        else:
            share, stage = event.progress, event.stage or event.status
        now = (stage, int(share * UPLOAD_STEPS))
        moved = self._last.get(event.file) != now
        self._last[event.file] = now
        return moved
