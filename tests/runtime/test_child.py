import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.child import (
    ChildFailed,
    ChildProcess,
    ChildRefused,
    StopStep,
    bound_argv,
    describe_exit,
)
from tests.fixtures.processes import has_ended, until

TERM = (StopStep(signal.SIGTERM, 5.0),)
FOREVER = "import time; time.sleep(3600)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def spawn(code: str, lines: list[str], *, tells_ready: bool = False) -> ChildProcess:
    return await ChildProcess.spawn(
        "probe", python(code), on_line=lines.append, tells_ready=tells_ready
    )


async def test_output_of_both_streams_arrives_line_by_line() -> None:
    lines: list[str] = []
    code = (
        "import sys; print('out', flush=True); print('err', file=sys.stderr); print('end', end='')"
    )
    child = await spawn(code, lines)
    assert await child.wait() == 0
    assert sorted(lines) == ["end", "err", "out"]


async def test_a_line_without_end_is_cut_and_memory_stays_bounded() -> None:
    lines: list[str] = []
    child = await spawn("print('x' * 5_000_000)", lines)
    assert await child.wait() == 0
    assert max(map(len, lines)) <= 16 * 1024
    assert set("".join(lines)) == {"x"}


async def test_a_child_says_where_it_is_ready() -> None:
    code = (
        "import os; os.write(int(os.environ['SLUICE_READY_FD']), b'ready http://a:1\\n');"
        "os.close(int(os.environ['SLUICE_READY_FD']));" + FOREVER
    )
    child = await spawn(code, [], tells_ready=True)
    assert await child.ready(10) == "http://a:1"
    assert await child.stop(TERM) == -signal.SIGTERM


@pytest.mark.parametrize(("verdict", "kind"), [("final", ChildRefused), ("retry", ChildFailed)])
async def test_a_child_says_why_it_is_not_ready(verdict: str, kind: type[ChildFailed]) -> None:
    code = (
        "import os; "
        f"os.write(int(os.environ['SLUICE_READY_FD']), b'failed {verdict} no disk left\\n')"
    )
    child = await spawn(code, [], tells_ready=True)
    with pytest.raises(kind, match="probe: no disk left") as caught:
        await child.ready(10)
    assert type(caught.value) is kind
    await child.wait()


async def test_a_child_that_ends_without_a_word_is_a_failure_with_its_exit_code() -> None:
    child = await spawn("raise SystemExit(3)", [], tells_ready=True)
    with pytest.raises(ChildFailed, match=r"ended while starting \(exit code 3\)"):
        await child.ready(10)


async def test_a_child_that_stays_silent_is_not_ready_in_time() -> None:
    child = await spawn(FOREVER, [], tells_ready=True)
    with pytest.raises(ChildFailed, match="was not ready within"):
        await child.ready(0.05)
    await child.stop(TERM)


async def test_a_program_that_does_not_exist_says_so() -> None:
    lines: list[str] = []
    child = await ChildProcess.spawn("probe", ["/no/such/program"], on_line=lines.append)
    assert await child.wait() == 127
    assert lines == ["cannot run /no/such/program: No such file or directory"]


async def test_a_child_that_ignores_the_signal_is_killed_with_its_own_children(
    tmp_path: Path,
) -> None:
    note = tmp_path / "grandchild"
    code = (
        "import signal, subprocess, sys, time, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"p = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid))\n"
        "print('up', flush=True)\n"
        "time.sleep(3600)\n"
    )
    lines: list[str] = []
    child = await spawn(code, lines)
    await until(lambda: lines == ["up"])
    assert await child.stop((StopStep(signal.SIGTERM, 0.2),)) == -signal.SIGKILL
    await until(lambda: has_ended(int(note.read_text())))


async def test_a_child_has_a_session_of_its_own_so_ctrl_c_passes_it_by() -> None:
    child = await spawn(FOREVER, [])
    assert os.getsid(child.pid) == child.pid
    await child.stop(TERM)


def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    parent = subprocess.Popen(
        python(
            "import pathlib, subprocess, time\n"
            "from runtime.child import bound_argv\n"
            f"p = subprocess.Popen(bound_argv([{sys.executable!r}, '-c', {FOREVER!r}]))\n"
            f"pathlib.Path({str(note)!r}).write_text(str(p.pid))\n"
            "time.sleep(3600)\n"
        ),
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    deadline = time.monotonic() + 60
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    child = int(note.read_text())
    parent.kill()
    parent.wait(60)
    while not has_ended(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert has_ended(child)


def test_a_child_whose_parent_is_gone_before_it_is_bound_ends_at_once() -> None:
    argv = bound_argv(python("print('ran')"))
    somebody_else = 1
    argv[argv.index(str(os.getpid()))] = str(somebody_else)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (127, "")


@pytest.mark.parametrize(
    ("code", "words"), [(3, "exit code 3"), (-9, "SIGKILL"), (-15, "SIGTERM"), (-99, "signal 99")]
)
def test_an_exit_is_told_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
