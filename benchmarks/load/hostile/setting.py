"""The edge and its upstream, on their cores, ready to be attacked."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.cores import Cores
from benchmarks.load.edge import REPOSITORY, environment
from benchmarks.load.hostile.precedence import put_session_first
from benchmarks.load.process import free_ports, server_process
from benchmarks.load.signing import media_keys

# What an operator would set for a machine under attack: less patience than by default, so that
# times run out within the run.
OPTIONS: Final = ("--header-timeout-s", "5", "--client-timeout-s", "10")


@dataclass(frozen=True, slots=True)
class Setting:
    """A running edge: where it answers, its process, and whether that goes before all others."""

    port: int
    admin_port: int
    pid: int
    goes_first: bool


@contextmanager
def setting(
    folder: Path, cores: Cores, *, memory_bytes: int, options: Sequence[str]
) -> Iterator[Setting]:
    """Run an upstream that misbehaves on request, and an edge in front of it."""
    port, admin_port, upstream_port = free_ports(3)
    upstream = [sys.executable, "-m", "benchmarks.load.hostile.upstream", str(upstream_port)]
    words = [sys.executable, "-m", "cli", "edge"]
    words += ["--upstream", f"http://127.0.0.1:{upstream_port}", "--threads", "1"]
    words += ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin_port}"]
    words += ["--memory-bytes", str(memory_bytes), *OPTIONS, *options]
    env = environment(os.environ, {"SLUICE_MEDIA_KEYS": media_keys()})
    with ExitStack() as stack:
        upstream_pid = stack.enter_context(
            server_process(
                upstream,
                cores=[cores.generators(2)[-1]],
                ports=[upstream_port],
                log=folder / "upstream.log",
                folder=REPOSITORY,
                own_session=True,
            )
        )
        put_session_first(upstream_pid)
        pid = stack.enter_context(
            server_process(
                words,
                cores=[cores.server],
                ports=[port],
                log=folder / "edge.log",
                env=env,
                folder=REPOSITORY,
                own_session=True,
            )
        )
        yield Setting(port, admin_port, pid, put_session_first(pid))
