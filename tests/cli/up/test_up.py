"""The whole house under `up`, on a folder and ports of its own."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from runtime.child import ChildProcess, StopStep
from tests.fixtures.processes import has_ended, until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PORTS = ("--api-port", "0", "--edge-port", "0", "--origin-port", "0", "--edge-admin-port", "0")
START_DEADLINE_S = 90.0
STOP = (StopStep(signal.SIGTERM, 60.0),)


class Up:
    """A running `sluice up --json`: what it said, and its processes by name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.child: ChildProcess | None = None

    async def start(self, data: Path) -> dict[str, str]:
        """Start it and wait until it says that it is ready; its event."""
        self.child = await ChildProcess.spawn(
            "up",
            [sys.executable, "-m", "cli", "up", "--json", "--data", str(data), *PORTS],
            on_line=self.lines.append,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        child = self.child
        await until(
            lambda: bool(self.events("ready")) or child.exit_code is not None, START_DEADLINE_S
        )
        assert self.events("ready"), "\n".join(self.lines)
        return self.events("ready")[0]

    def events(self, name: str) -> list[dict[str, str]]:
        found = [json.loads(line) for line in self.lines if line.startswith('{"event":')]
        return [event for event in found if event["event"] == name]

    def processes(self) -> dict[str, int]:
        """The processes it started, by the word of their command."""
        assert self.child is not None
        listed = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text()
        found = {}
        for pid in map(int, listed.split()):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            found["postgres" if words[0].endswith("postgres") else words[3]] = pid
        return found


@pytest.fixture
async def up() -> AsyncIterator[Up]:
    made = Up()
    yield made
    if made.child is not None and made.child.exit_code is None:
        await made.child.stop(STOP)


async def answers(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


async def test_everything_answers_comes_back_after_kill_9_and_ends_in_order(
    up: Up, tmp_path: Path
) -> None:
    ready = await up.start(tmp_path)
    assert await answers(ready["api"] + "/readyz") == 200
    assert await answers(ready["edge_admin"] + "/readyz") == 200

    before = up.processes()
    assert set(before) == {"postgres", "origin", "server", "worker", "edge"}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: {event["name"] for event in up.events("child_back")} == set(before), 60)
    assert await answers(ready["api"] + "/readyz") == 200

    assert up.child is not None
    after = up.processes()
    assert await up.child.stop(STOP) == 0
    assert all(has_ended(pid) for pid in after.values())
    assert up.events("stopped")
    stopped = [line.split()[0] for line in up.lines if "process.stopped" in line]
    assert stopped[0] == "edge"
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


async def test_kill_9_of_the_supervisor_ends_everything_and_the_next_start_recovers(
    up: Up, tmp_path: Path
) -> None:
    await up.start(tmp_path)
    assert up.child is not None
    processes = up.processes()
    up.child.send(signal.SIGKILL)
    await up.child.wait()
    await until(lambda: all(has_ended(pid) for pid in processes.values()))
    again = Up()
    ready = await again.start(tmp_path)
    try:
        assert await answers(ready["api"] + "/readyz") == 200
    finally:
        assert again.child is not None
        assert await again.child.stop(STOP) == 0
