"""The command may be started without a standard input, output or error."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
CLOSED = {"input": "<&-", "output": ">&-", "error": "2>&-", "all": "<&- >&- 2>&-"}


def started_without(what: str, *words: str, ready: int | None = None) -> subprocess.Popen[bytes]:
    script = f'exec "$@" {CLOSED[what]}'
    variables = {} if ready is None else {"SLUICE_READY_FD": str(ready)}
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        env=os.environ | {"XDG_CONFIG_HOME": "/nowhere"} | variables,
        pass_fds=() if ready is None else (ready,),
    )


@pytest.mark.parametrize("what", CLOSED)
def test_the_version_is_shown_to_nobody_without_a_crash(what: str) -> None:
    with started_without(what, "--version") as process:
        assert process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("what", CLOSED)
def test_a_service_serves_and_ends_in_order(what: str) -> None:
    reading, writing = os.pipe()
    words = ("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    upstream = ("--upstream", "http://127.0.0.1:9")
    with started_without(what, "edge", *words, *upstream, ready=writing) as process:
        os.close(writing)
        with os.fdopen(reading) as ready:
            assert ready.readline().startswith("ready http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
