"""Starts a server on cores of its own and ends it."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.load.cores import running_on

START_DEADLINE_S: Final = 20.0
STOP_DEADLINE_S: Final = 10.0
POLL_S: Final = 0.02
LOG_TAIL_BYTES: Final = 2000


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback address that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def server_process(
    words: Sequence[str],
    *,
    cores: Sequence[int],
    ports: Sequence[int],
    log: Path,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    own_session: bool = False,
) -> Iterator[int]:
    """Run a server until the end of the block; give its process id once all ports answer.

    With `own_session` it leads a session, for which the scheduler may have a group.
    """
    with log.open("wb") as output, running_on(*cores):
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd=folder,
            start_new_session=own_session,
        )
    try:
        wait_for(process, ports, log)
        yield process.pid
    finally:
        stop(process)


def wait_for(process: subprocess.Popen[bytes], ports: Sequence[int], log: Path) -> None:
    """Return once every port accepts a connection."""
    deadline_s = time.monotonic() + START_DEADLINE_S
    for port in ports:
        while not accepts(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                tail = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
                raise SystemExit(f"bench edge: {process.args!r} did not start:\n{tail}")
            time.sleep(POLL_S)


def accepts(port: int) -> bool:
    """Try to connect."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to end, then make it."""
    process.terminate()
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
