"""Runs viewers.c: viewers at a fixed pace who look at every byte."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from benchmarks.load.compiling import compiled
from benchmarks.load.generator import LoadFailed, end
from benchmarks.load.hostile.precedence import put_in_real_time

SOURCE: Final = Path(__file__).with_name("viewers.c")
LIMIT_MS: Final = 5000


@dataclass(frozen=True, slots=True)
class Seen:
    """What the viewers saw while one thing was going on."""

    requests: int
    errors: int
    p50_us: float
    p99_us: float
    most_us: float


def parse_seen(line: str) -> Seen:
    """Read the line that ends a watch."""
    requests, errors, p50_ns, p99_ns, most_ns = map(int, line.split())
    return Seen(requests, errors, p50_ns / 1e3, p99_ns / 1e3, most_ns / 1e3)


class Viewers:
    """Viewers whose connections are open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input: IO[str] = process.stdin
        self._output: IO[str] = process.stdout
        self.in_real_time = put_in_real_time(process.pid)

    def watch(self, seconds: float) -> Seen:
        """Let them view for so long.

        Raises:
            LoadFailed: the viewers' process gave up.
        """
        self._input.write(f"{int(seconds * 1000)}\n")
        self._input.flush()
        line = self._output.readline()
        if not line:
            self._process.wait()
            raise LoadFailed(self._process)
        return parse_seen(line)


@contextmanager
def viewers(
    port: int, request: str, body_file: Path, *, connections: int, per_s: int, log: Path
) -> Iterator[Viewers]:
    """Open the viewers' connections; they close at the end of the block. Errors go to `log`."""
    numbers = (port, connections, per_s, LIMIT_MS)
    words: Sequence[str] = [
        str(compiled(SOURCE)), *map(str, numbers), str(body_file), request
    ]  # fmt: skip
    pipe = subprocess.PIPE
    with (
        log.open("w", encoding="utf-8") as said,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=said, text=True) as process,
    ):
        try:
            yield Viewers(process)
        finally:
            end(process)
