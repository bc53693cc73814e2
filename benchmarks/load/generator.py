"""Compiles generator.c and runs it: connections first, then rounds of requests."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from benchmarks.load.compiling import compiled
from benchmarks.load.contestant import Contestant
from benchmarks.load.cores import running_on
from benchmarks.load.works import Work

SOURCE: Final = Path(__file__).with_name("generator.c")
CLOSE_DEADLINE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """How a work is asked for: over how many connections, from how many loopback addresses."""

    connections: int = 64
    sources: int = 0
    limit_s: int = 60


@dataclass(frozen=True, slots=True)
class Timing:
    """What the generator saw of one round."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float


def parse_timing(line: str) -> Timing:
    """Read the line that ends a round."""
    requests, ns, p50_ns, p99_ns = map(int, line.split())
    return Timing(requests, ns / 1e9, p50_ns / 1e3, p99_ns / 1e3)


class Generator:
    """A running generator whose connections are open and have each had one answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._process = process
        self._input: IO[str] = process.stdin
        self._output: IO[str] = process.stdout

    def expect_ready(self) -> None:
        """Wait for the connections."""
        if self._line() != "ready":
            raise RuntimeError("the generator spoke out of turn")

    def begin(self, requests: int) -> None:
        """Have requests sent."""
        self._input.write(f"{requests}\n")
        self._input.flush()

    def timing(self) -> Timing:
        """Wait until they are all answered."""
        return parse_timing(self._line())

    def round(self, requests: int) -> Timing:
        """Send requests and receive every answer."""
        self.begin(requests)
        return self.timing()

    def _line(self) -> str:
        line = self._output.readline()
        if not line:
            self._process.wait()
            raise LoadFailed(self._process)
        return line.strip()


class Generators:
    """Generators on cores of their own that ask together, each over as many connections as one."""

    def __init__(self, several: Sequence[Generator]) -> None:
        self._several = several
        self.pids = tuple(each.pid for each in several)

    def round(self, requests: int) -> Timing:
        """Send requests, about as many from each; latencies are those of the worst served."""
        count = len(self._several)
        for number, each in enumerate(self._several):
            each.begin((requests + number) // count)
        seen = [each.timing() for each in self._several]
        return Timing(
            sum(each.requests for each in seen),
            max(each.seconds for each in seen),
            max(each.p50_us for each in seen),
            max(each.p99_us for each in seen),
        )


class LoadFailed(Exception):
    """The generator gave up: an answer was not what it should be, or none came."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        said = process.stderr.read().strip() if process.stderr is not None else ""
        super().__init__(said or f"the generator ended with code {process.returncode}")


@contextmanager
def generator(contestant: Contestant, work: Work, load: Load) -> Iterator[Generator]:
    """Connect to a server; the connections close at the end of the block.

    Raises:
        LoadFailed: a connection or its first answer failed.
    """
    host = f"127.0.0.1:{contestant.port}"
    (length, head), *others = work.asks(contestant.folder, host)
    ports = ",".join(map(str, contestant.ports))
    numbers = (
        load.connections, work.depth, load.sources, work.mss, work.status, length, load.limit_s,
    )  # fmt: skip
    words = [str(compiled(SOURCE)), ports, *map(str, numbers), head]
    for length, head in others:
        words += [str(length), head]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            running = Generator(process)
            running.expect_ready()
            yield running
        finally:
            end(process)


@contextmanager
def generators(
    contestant: Contestant, work: Work, load: Load, cores: Sequence[int]
) -> Iterator[Generators]:
    """Connect to a server from some cores, with the connections of a load from each.

    Raises:
        LoadFailed: a connection or its first answer failed.
    """
    with ExitStack() as stack:
        several = []
        for core in cores:
            with running_on(core):
                several.append(stack.enter_context(generator(contestant, work, load)))
        yield Generators(several)


def end(process: subprocess.Popen[str]) -> None:
    """Close its input, which ends it; or make it end."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(CLOSE_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
