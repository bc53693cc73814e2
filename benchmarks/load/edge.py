"""Our edge, as the command that operators run."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.load.contestant import Contestant
from benchmarks.load.process import free_ports, server_process

REPOSITORY: Final = Path(__file__).resolve().parents[2]
FAMILY: Final = "sluice"
MEMORY_BYTES: Final = 512 * 2**20


@contextmanager
def sluice_edge(
    folder: Path,
    upstream: str,
    cores: Sequence[int],
    options: Sequence[str],
    variables: Mapping[str, str],
) -> Iterator[list[Contestant]]:
    """Run `sluice edge` in front of the upstream, with the caller's further options."""
    folder.mkdir()
    port, admin_port = free_ports(2)
    words = [sys.executable, "-m", "cli", "edge", "--upstream", upstream]
    words += ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin_port}"]
    words += ["--memory-bytes", str(MEMORY_BYTES), "--cache-dir", str(folder / "cache"), *options]
    log = folder / "output.log"
    env = environment(os.environ, variables)
    with server_process(
        words, cores=cores, ports=[port], log=log, env=env, folder=REPOSITORY
    ) as pid:
        settings = " ".join([f"--memory-bytes {MEMORY_BYTES} --cache-dir …", *options])
        yield [Contestant(name=FAMILY, family=FAMILY, settings=settings, port=port, pid=pid)]


def environment(own: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Give the edge our environment without the settings of a Sluice that happen to be in it."""
    kept = {name: value for name, value in own.items() if not name.startswith("SLUICE_")}
    return {**kept, **variables}
