"""`./sluice bench leak`: a million requests of every kind, and what the edge has kept of them.

Hits, ranges, misses, answers that may not be stored, errors, forged tokens, requests with bodies,
heads that are none, upstreams that stop half-way, and clients that leave in the middle go through
an edge with little memory, so that it evicts all the time. A first tenth lets it reach its size;
what it holds after that and at the end is compared: descriptors, resident memory, and the pages of
its memory files.
"""

import argparse
import asyncio
import json
import os
import shlex
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.accounting import rss_bytes
from benchmarks.load.cores import choose, running_on
from benchmarks.load.hostile.attacks import RESET, forged_path, request, unique
from benchmarks.load.hostile.attacks import Target as Edge
from benchmarks.load.hostile.objects import FOLDER, LARGE, VIEWED
from benchmarks.load.hostile.setting import setting

OUTPUT: Final = Path(__file__).resolve().parents[2] / "results"
MEMORY_BYTES: Final = 32 * 2**20
WORKERS: Final = 24
ROUNDS: Final = 10
SETTLE_S: Final = 4.0
PATIENCE_S: Final = 20.0
KEPT_OBJECTS: Final = 400
# An interpreter's memory comes and goes by this much from one moment to the next.
RSS_SLACK_BYTES: Final = 8 * 2**20
# A request costs its kind's share of the mixture; many hits go out in one write.
HITS: Final = 40
MIXTURE: Final = (
    ("hits", 30), ("ranges", 20), ("misses", 16), ("uncacheable", 4), ("errors", 2), ("short", 1),
    ("died", 1), ("too much", 1), ("forged", 4), ("bodies", 4), ("nonsense", 4), ("left", 6),
    ("half a head", 2), ("unmodified", 5),
)  # fmt: skip
BATCHED: Final = frozenset({"hits", "unmodified", "forged"})
LEAVING: Final = frozenset({"left", "half a head"})
UPSTREAM_WORDS: Final = {
    "misses": "miss",
    "uncacheable": "once",
    "errors": "error",
    "short": "short",
    "died": "die",
    "too much": "long",
}
CHUNKED: Final = "Transfer-Encoding: chunked"
CHUNKS: Final = "5\r\nhello\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Held:
    """What the edge's process holds at one moment."""

    requests: int
    descriptors: int
    rss_bytes: int
    memory_file_bytes: int


class Client:
    """One of those who ask; everything is on one connection until that ends."""

    def __init__(self, edge: Edge, done: Counter[str]) -> None:
        self._edge = edge
        self._done = done
        self._connection: socket.socket | None = None

    async def ask(self, kind: str) -> int:
        """Ask in one way; gives how many requests that were."""
        text, count, leaves = self._compose(kind)
        try:
            async with asyncio.timeout(PATIENCE_S):
                if self._connection is None:
                    self._connection = await self._edge.connect()
                await self._edge.say(self._connection, text)
                if leaves:
                    self._leave()
                else:
                    await self._hear(count)
        except (OSError, TimeoutError):
            self._leave()
        self._done[kind] += count
        return count

    def _compose(self, kind: str) -> tuple[str, int, bool]:
        """Write the requests of a kind: the text, how many they are, whether we then leave."""
        edge, dice = self._edge, self._edge.dice
        kept = f"{FOLDER}miss-kept-{dice.randrange(KEPT_OBJECTS)}.m4s"
        first = dice.randrange(60_000)
        texts: Mapping[str, Callable[[], str]] = {
            "hits": lambda: request(VIEWED, "Range: bytes=5-600"),
            "unmodified": lambda: request(VIEWED, f'If-None-Match: "{VIEWED[-40:]}"'),
            "forged": lambda: request(forged_path(edge)),
            "ranges": lambda: request(kept, f"Range: bytes={first}-{first + 30_000}"),
            "bodies": lambda: request(FOLDER + "up", CHUNKED, method="POST") + CHUNKS,
            "nonsense": lambda: "GET  / HTTP/1.1\r\nHost a\r\n\r\n",
            "left": lambda: request(dice.choice([LARGE, kept, unique("miss", edge)])),
            "half a head": lambda: request(VIEWED)[: dice.randrange(1, 40)],
        }
        count = HITS if kind in BATCHED else 1
        text = texts[kind]() if kind in texts else request(unique(UPSTREAM_WORDS[kind], edge))
        return text * count, count, kind in LEAVING

    async def _hear(self, count: int) -> None:
        """Read answers until all have come; their lengths are what says so."""
        assert self._connection is not None
        came = b""
        while count:
            head, found, rest = came.partition(b"\r\n\r\n")
            length = _length(head) if found else 0
            if found and length is None:
                await self._hear_end()
                return
            if found and len(rest) >= (length or 0):
                came, count = rest[length or 0 :], count - 1
                if b"\r\nConnection: close" in head:
                    self._leave()
                    return
                continue
            more = await self._edge.hear(self._connection)
            if not more:
                self._leave()
                return
            came += more

    async def _hear_end(self) -> None:
        """An answer without a length: read it to wherever it ends, and begin anew."""
        assert self._connection is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                while await self._edge.hear(self._connection):
                    pass
        self._leave()

    def _leave(self) -> None:
        """End the connection, by chance with a reset."""
        if self._connection is not None:
            if self._edge.dice.random() < 0.5:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Ask no more."""
        self._leave()


def _length(head: bytes) -> int | None:
    """How long the body behind a head is; None when it does not say."""
    if head.split(b" ", 2)[1:2] in ([b"204"], [b"304"]):
        return 0
    found = head.lower().partition(b"\r\ncontent-length:")[2]
    return int(found.partition(b"\r\n")[0]) if found else None


def held(pid: int, requests: int) -> Held:
    """Look at what a process holds."""
    descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    pages = 0
    for each in descriptors:
        with suppress(OSError):
            if "memfd:" in str(each.readlink()):
                pages += each.stat().st_blocks * 512
    return Held(requests, len(descriptors), rss_bytes(pid), pages)


async def ask_all(edge: Edge, requests: int, done: Counter[str]) -> int:
    """Ask so many requests, from several clients at once."""
    kinds, weights = zip(*MIXTURE, strict=True)
    asked = 0

    async def client() -> None:
        nonlocal asked
        one = Client(edge, done)
        while asked < requests:
            count = await one.ask(edge.dice.choices(kinds, weights)[0])
            asked += count  # read after the wait: others have counted meanwhile
        one.close()

    async with asyncio.TaskGroup() as together:
        for _ in range(WORKERS):
            together.create_task(client())
    return asked


def measured(pid: int, port: int, requests: int) -> list[Held]:
    """Ask in rounds, and look at what is held after each."""
    edge, done, asked = Edge(port), Counter[str](), 0
    found: list[Held] = []
    for _ in range(ROUNDS):
        asked += asyncio.run(settled(edge, requests // ROUNDS, done))
        found.append(held(pid, asked))
        now = found[-1]
        print(
            f"{now.requests:>10,} requests: {now.descriptors} descriptors, "
            f"{now.rss_bytes / 2**20:.1f} MiB resident, "
            f"{now.memory_file_bytes / 2**20:.1f} MiB in memory files",
            flush=True,
        )
    print("; ".join(f"{count:,} {kind}" for kind, count in done.items()))
    return found


async def settled(edge: Edge, requests: int, done: Counter[str]) -> int:
    """Ask, and give the edge a moment to let go."""
    asked = await ask_all(edge, requests, done)
    await asyncio.sleep(SETTLE_S)
    return asked


def grown(found: Sequence[Held]) -> list[str]:
    """Name what the last look found more of than any early one, beyond what comes and goes.

    Memory files may fill up to the budget; descriptors of the connection pool come and go.
    """
    early, last = found[: max(1, len(found) // 2)], found[-1]
    over = []
    if last.descriptors > max(each.descriptors for each in early) + 2:
        over.append("descriptors")
    if last.rss_bytes > max(each.rss_bytes for each in early) + RSS_SLACK_BYTES:
        over.append("resident memory")
    if last.memory_file_bytes > MEMORY_BYTES * 5 // 4:
        over.append("memory files")
    return over


def main(words: Sequence[str]) -> int:
    """Run, print what was held and what grew, and write it down; 1 where something grew."""
    options = arguments(words)
    cores = choose(os.sched_getaffinity(0))
    more = ["--breaker-failures", "0", *shlex.split(options.edge_options)]
    with (
        tempfile.TemporaryDirectory(prefix="sluice-leak-") as folder,
        running_on(cores.generator),
        setting(Path(folder), cores, memory_bytes=MEMORY_BYTES, options=more) as edge,
    ):
        found = measured(edge.pid, edge.port, options.requests)
    over = grown(found)
    first, last = found[0], found[-1]
    print(
        f"growth after the first {first.requests:,}: {last.descriptors - first.descriptors} "
        f"descriptors, {(last.rss_bytes - first.rss_bytes) / 2**20:+.1f} MiB resident, "
        f"{(last.memory_file_bytes - first.memory_file_bytes) / 2**20:+.1f} MiB in memory files: "
        + (f"GREW: {', '.join(over)}" if over else "nothing leaks")
    )
    place = Path(os.environ.get("SLUICE_CALLED_FROM", ""), options.output)
    place.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(each) for each in found], indent=1)
    (place / "leak.json").write_text(text + "\n", encoding="utf-8")
    return 1 if over else 0


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./sluice bench leak", description=__doc__)
    add = parser.add_argument
    add("--requests", type=int, default=1_000_000, help="how many requests (1000000)")
    add("--edge-options", default="", help="further options of `sluice edge`, in one word")
    add("--output", type=Path, default=OUTPUT, help="folder of leak.json")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
