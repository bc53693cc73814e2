"""The access log: lines from the data plane's threads and from Python, written by a thread.

Nobody who answers waits for it. The threads leave records in rings of their own, Python in a queue
of bounded length, and what does not fit is counted as lost.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from core.http.access_line import AccessRecord, access_line
from edge.metrics import EdgeMetrics
from runtime.line_file import LineFile

# Answers that each thread, and Python, may be ahead of the log by.
MOST_WAITING: Final = 8192
SHORTEST_PAUSE_S: Final = 0.005
LONGEST_PAUSE_S: Final = 0.05
CLOSE_S: Final = 2.0

Source = Callable[[], bytes]


class AccessLog:
    """Writes a line for each answer to a file, a named pipe or standard output."""

    def __init__(self, path: Path, metrics: EdgeMetrics) -> None:
        self._file = LineFile(path)
        self._written = metrics.lines.inc
        self._dropped = metrics.lines_dropped("queue").inc
        self._unwritten = metrics.lines_dropped("write").inc
        self._waiting: deque[AccessRecord] = deque()
        self._sources: list[Source] = [self._take_waiting]
        self._ending = threading.Event()
        self._stuck = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def attach(self, source: Source) -> None:
        """Take lines from here, too."""
        self._sources.append(source)

    def add(self, record: AccessRecord) -> None:
        """Log an answer."""
        if len(self._waiting) >= MOST_WAITING:
            self._dropped()
        else:
            self._waiting.append(record)

    def reopen(self) -> None:
        """Open the file anew: it was moved away."""
        self._file.reopen()

    def close(self) -> None:
        """Write what is left, if that goes soon, and stop."""
        self._ending.set()
        self._thread.join(CLOSE_S)
        self._stuck.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        pause_s = SHORTEST_PAUSE_S
        while True:
            ending = self._ending.is_set()
            found = b"".join(source() for source in tuple(self._sources))
            if found:
                self._write(found)
                pause_s = SHORTEST_PAUSE_S
            elif ending:
                return
            else:
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _write(self, lines: bytes) -> None:
        lost = self._file.write(lines, self._stuck)
        self._unwritten(lost)
        self._written(lines.count(b"\n") - lost)

    def _take_waiting(self) -> bytes:
        return b"".join(map(access_line, self._waiting_now()))

    def _waiting_now(self) -> Iterator[AccessRecord]:
        while self._waiting:
            yield self._waiting.popleft()


@contextmanager
def access_log(path: Path | None, metrics: EdgeMetrics) -> Iterator[AccessLog | None]:
    """Keep a log at this path for as long as the context lasts; none without a path."""
    if path is None:
        yield None
        return
    log = AccessLog(path, metrics)
    try:
        yield log
    finally:
        log.close()
