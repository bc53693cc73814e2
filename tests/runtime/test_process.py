import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputFault, UpstreamFault
from runtime.process import faults_in

DEADLINE_S = 60

HEAD = """
import asyncio, sys, time
from core.errors import OperatorFault, UpstreamFault
from runtime.logs import LogFormat
from runtime.process import run_service
stop_s = 60
"""
TAIL = """
sys.exit(run_service(service, name="probe", log_format=LogFormat.JSON, stop_deadline_s=stop_s))
"""
WAITS = """
async def service(ready):
    ready("http://127.0.0.1:1")
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", flush=True)
"""


class Started:
    """A service process and the line it wrote when it was ready, or failed to be."""

    def __init__(self, body: str) -> None:
        reading, writing = os.pipe()
        script = HEAD + textwrap.dedent(body) + TAIL
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"SLUICE_READY_FD": str(writing), "PYTHONPATH": str(Path.cwd())},
            pass_fds=(writing,),
        )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            self.said = pipe.readline().strip()

    def end(self, *signals: signal.Signals) -> tuple[int, str]:
        """Send the signals; the exit code and everything it printed."""
        for number in signals:
            self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, output


@pytest.fixture
def waiting() -> Iterator[Started]:
    started = Started(WAITS)
    yield started
    started.process.kill()
    started.process.communicate(timeout=DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_lets_the_service_clean_up_and_is_no_failure(
    waiting: Started, number: signal.Signals
) -> None:
    assert waiting.said == "ready http://127.0.0.1:1"
    code, output = waiting.end(number)
    assert code == 0
    assert "cleaned up" in output
    assert "process.stopped" in output


def test_the_start_is_logged_with_the_native_implementation(waiting: Started) -> None:
    _, output = waiting.end(signal.SIGTERM)
    assert '"event": "process.starting"' in output
    assert '"native": "' in output


def test_a_second_signal_ends_a_service_that_does_not_stop() -> None:
    started = Started(
        """
        async def service(ready):
            ready("x")
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print("refuses", flush=True)
        """
    )
    started.process.send_signal(signal.SIGTERM)
    assert started.process.stdout is not None
    while "refuses" not in started.process.stdout.readline():
        pass
    code, _ = started.end(signal.SIGTERM)
    assert code == -signal.SIGTERM


def test_a_service_whose_thread_never_ends_is_ended_at_the_deadline() -> None:
    started = Started(
        """
        async def service(ready):
            ready("x")
            await asyncio.to_thread(time.sleep, 3600)
        stop_s = 0.5
        """
    )
    code, output = started.end(signal.SIGTERM)
    assert code == 70
    assert "process.stuck" in output


def test_a_fault_is_one_line_and_exit_code_1_and_told_to_the_starter() -> None:
    started = Started(
        """
        async def service(ready):
            raise OperatorFault("the disk is missing")
        """
    )
    code, output = started.end()
    assert started.said == "failed final the disk is missing"
    assert code == 1
    assert "the disk is missing" in output
    assert "Traceback" not in output


def test_a_retryable_fault_of_a_task_group_is_told_as_such() -> None:
    started = Started(
        """
        async def fails():
            raise UpstreamFault("away")

        async def service(ready):
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
        """
    )
    assert started.end()[0] == 1
    assert started.said == "failed retry away"


def test_a_bug_keeps_its_traceback() -> None:
    started = Started(
        """
        async def service(ready):
            raise KeyError("oops")
        """
    )
    code, output = started.end()
    assert code == 1
    assert "Traceback" in output
    assert "oops" in output


def test_every_fault_of_nested_groups_is_found() -> None:
    one, two = InputFault("a"), UpstreamFault("b")
    group = BaseExceptionGroup("", [one, BaseExceptionGroup("", [two])])
    assert list(faults_in(group)) == [one, two]


def test_what_is_no_fault_among_them_is_raised() -> None:
    group = BaseExceptionGroup("", [InputFault("a"), asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        list(faults_in(group))
