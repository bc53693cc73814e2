import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.report.events import AnyEvent, ChildBack, ChildEnded
from cli.up.children import Command, ServiceRunner
from cli.up.restart import RestartPolicy
from cli.up.supervisor import GaveUp, Supervisor
from tests.fixtures.processes import has_ended, until

QUICK = RestartPolicy(first_delay_s=0.01, longest_delay_s=0.05, false_start_limit=3)

# A child of a few lines: notes its pid, says that it is ready, notes when it is told to stop.
SERVICE = """
import os, pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
with (folder / f"{name}.pids").open("a") as notes:
    notes.write(f"{os.getpid()}\\n")
def stop(*_):
    with (folder / "stops").open("a") as notes:
        notes.write(f"{name}\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pipe = int(os.environ["SLUICE_READY_FD"])
os.write(pipe, b"ready http://127.0.0.1:1\\n")
os.close(pipe)
while True:
    time.sleep(3600)
"""
FAILS = "import sys; print('no luck'); sys.exit(4)"
REFUSES = (
    "import os; os.write(int(os.environ['SLUICE_READY_FD']), b'failed final port 1 is in use\\n')"
)


class Stage:
    """A supervisor with its events, and children that leave notes in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[AnyEvent] = []
        self.lines: list[str] = []
        self.supervisor = Supervisor(self.events.append, policy=QUICK)

    def runner(self, name: str, code: str = SERVICE) -> ServiceRunner:
        argv = (sys.executable, "-c", code, name, str(self.folder))
        command = Command(name, argv, dict(os.environ))
        return ServiceRunner(command, self.lines.append, stop_deadline_s=5.0)

    def pids(self, name: str) -> list[int]:
        notes = self.folder / f"{name}.pids"
        return [int(line) for line in notes.read_text().split()] if notes.exists() else []


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await made.supervisor.stop(made.supervisor.names())


async def test_a_started_child_runs_and_says_where(stage: Stage) -> None:
    assert await stage.supervisor.start("edge", stage.runner("edge")) == "http://127.0.0.1:1"
    (pid,) = stage.pids("edge")
    assert not has_ended(pid)


async def test_a_killed_child_is_started_again_and_both_are_told(stage: Stage) -> None:
    await stage.supervisor.start("edge", stage.runner("edge"))
    os.kill(stage.pids("edge")[0], signal.SIGKILL)
    await until(lambda: ChildBack(name="edge") in stage.events)
    assert len(stage.pids("edge")) == 2
    (ended,) = (event for event in stage.events if isinstance(event, ChildEnded))
    assert (ended.name, ended.reason) == ("edge", "SIGKILL")


async def test_a_child_that_cannot_start_is_given_up_after_some_attempts(stage: Stage) -> None:
    with pytest.raises(GaveUp, match=r"edge cannot be started \(3 attempts\): .*\(exit code 4\)"):
        await stage.supervisor.start("edge", stage.runner("edge", FAILS))
    assert stage.lines == ["no luck"] * 3


async def test_a_child_that_says_why_it_cannot_start_is_believed_at_once(stage: Stage) -> None:
    with pytest.raises(GaveUp, match="edge: port 1 is in use"):
        await stage.supervisor.start("edge", stage.runner("edge", REFUSES))
    assert stage.events == []


async def test_giving_up_a_running_child_is_a_failure_of_the_whole(stage: Stage) -> None:
    once = (
        "import pathlib, sys\n"
        "if pathlib.Path(sys.argv[2], 'edge.pids').exists(): sys.exit(5)\n" + SERVICE
    )
    await stage.supervisor.start("edge", stage.runner("edge", once))
    os.kill(stage.pids("edge")[0], signal.SIGKILL)
    with pytest.raises(GaveUp, match="edge cannot be started"):
        async with asyncio.timeout(60):
            await stage.supervisor.failure()


async def test_children_are_stopped_in_the_order_asked_for(stage: Stage) -> None:
    for name in ("postgres", "server", "edge"):
        await stage.supervisor.start(name, stage.runner(name))
    pids = [stage.pids(name)[0] for name in ("postgres", "server", "edge")]
    for name in ("edge", "server", "postgres"):
        await stage.supervisor.stop([name])
    assert (stage.folder / "stops").read_text().split() == ["edge", "server", "postgres"]
    assert all(has_ended(pid) for pid in pids)
    assert stage.supervisor.names() == []


async def test_a_child_is_not_started_again_while_it_is_being_stopped(stage: Stage) -> None:
    await stage.supervisor.start("edge", stage.runner("edge"))
    await stage.supervisor.stop(["edge"])
    assert len(stage.pids("edge")) == 1
    assert stage.events == []


async def test_stopping_a_child_that_waits_for_its_next_start_is_quick(stage: Stage) -> None:
    slow = Supervisor(
        stage.events.append, policy=RestartPolicy(first_delay_s=3600.0, longest_delay_s=3600.0)
    )
    await slow.start("edge", stage.runner("edge"))
    os.kill(stage.pids("edge")[0], signal.SIGKILL)
    await until(lambda: bool(stage.events))
    async with asyncio.timeout(30):
        await slow.stop(["edge"])
