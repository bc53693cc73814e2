"""`./sluice bench integrity`: a long random run of the world against an edge process."""

import argparse
import asyncio
import os
import random
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.load.edge import REPOSITORY, environment
from benchmarks.load.integrity.run import VIEWERS, run
from benchmarks.load.integrity.upstream import world_upstream
from benchmarks.load.integrity.viewer import Wrong
from benchmarks.load.integrity.world import World
from benchmarks.load.process import free_ports, server_process

MEMORY_BYTES: Final = 24 * 2**20
DISK_BYTES: Final = 64 * 2**20


def main(words: Sequence[str]) -> int:
    """Run, and say what was seen; 1 where an answer was wrong."""
    options = arguments(words)
    print(f"seed {options.seed}: {options.seconds:g} s, {options.objects} objects", flush=True)
    with tempfile.TemporaryDirectory(prefix="sluice-integrity-") as folder:
        found: list[BaseException] = []
        seen: Counter[str] = Counter()
        try:
            seen = asyncio.run(against_edge(options, Path(folder)))
        except* Wrong as wrong:
            found.extend(wrong.exceptions)
        if found:
            print("\n".join(f"WRONG: {each}" for each in found))
            log = (Path(folder) / "edge.log").read_text(encoding="utf-8", errors="replace")
            print(log[-2000:])
            return 1
    for what, count in sorted(seen.items()):
        print(f"{what:<12}{count:>10,}")
    print("every answer was one that the upstream gave and might still be given")
    return 0


async def against_edge(options: argparse.Namespace, folder: Path) -> Counter[str]:
    """Start an edge in front of the world, with little memory and a small disk tier."""
    world = World(options.seed, options.objects)
    port, admin_port = free_ports(2)
    async with world_upstream(world) as url:
        words = [sys.executable, "-m", "cli", "edge", "--upstream", url]
        words += ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin_port}"]
        words += ["--memory-bytes", str(MEMORY_BYTES), "--breaker-failures", "0"]
        words += ["--cache-dir", str(folder / "cache"), "--disk-bytes", str(DISK_BYTES)]
        words += [] if options.edge_options is None else shlex.split(options.edge_options)
        # The loop's thread only waits here while the edge starts.
        with server_process(
            words,
            cores=sorted(os.sched_getaffinity(0)),
            ports=[port, admin_port],
            log=folder / "edge.log",
            env=environment(os.environ, {}),
            folder=REPOSITORY,
        ):
            return await run(world, port, admin_port, options.seconds, options.viewers)


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./sluice bench integrity", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="by default any")
    add("--seconds", type=float, default=60.0, help="how long (60)")
    add("--objects", type=int, default=100, help="how many objects there are (100)")
    add("--viewers", type=int, default=VIEWERS, help=f"how many ask at once ({VIEWERS})")
    add("--edge-options", help="further options of `sluice edge`, in one word")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
