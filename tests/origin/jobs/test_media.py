"""A worker and its media processes: answers, faults, crashes, silence and cancellation."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.errors import Fault
from origin.jobs.media import MediaProcesses
from origin.jobs.process import CrashedDecoder, MediaProcess
from origin.packaging.protocol import Probe
from origin.packaging.report import SourceReport
from tests.fixtures.processes import has_ended, until

REQUEST = Probe(path=Path("film.mp4"))

READ = "import sys, json, time, os; line = sys.stdin.readline()\n"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", READ + code]


async def heedless(_: float) -> None:
    """Progress that nobody looks at."""


@asynccontextmanager
async def standing_by(media: MediaProcesses) -> AsyncIterator[None]:
    reserve = asyncio.create_task(media.stand_by())
    try:
        yield
    finally:
        reserve.cancel()
        await asyncio.wait({reserve})


async def test_progress_and_the_result_come_back(tmp_path: Path) -> None:
    seen: list[float] = []

    async def note(fraction: float) -> None:
        seen.append(fraction)

    media = MediaProcesses(
        argv=python(
            """print('{"progress":0.25}'); print('{"progress":1}'); print('{"result":[7]}')"""
        )
    )
    assert await media.perform(REQUEST, list[int], note) == [7]
    assert seen == [0.25, 1.0]


async def test_an_answer_may_be_nothing() -> None:
    media = MediaProcesses(argv=python("""print('{"result":null}')"""))
    await media.perform(REQUEST, type(None), heedless)
    with pytest.raises(CrashedDecoder, match="cannot read"):
        await media.perform(REQUEST, int, heedless)


async def test_a_real_file_is_probed_in_a_process_of_its_own(playable_clip: Path) -> None:
    report = await MediaProcesses().perform(Probe(path=playable_clip), SourceReport, heedless)
    assert report.video is not None
    assert (report.video.width, report.video.height) == (64, 48)


async def test_a_fault_of_packaging_arrives_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_bytes(b"This is a letter.")
    with pytest.raises(Fault) as caught:
        await MediaProcesses().perform(Probe(path=tmp_path / "letter.mp4"), SourceReport, heedless)
    assert caught.value.code == "source.unrecognised"
    assert not caught.value.retryable


async def test_a_full_disk_is_worth_another_try_and_no_crash() -> None:
    full = (
        "import errno, io; from origin.packaging import child\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(line.encode()))\n"
        "def perform(*_): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "child.perform = perform; sys.exit(child.main())\n"
    )
    with pytest.raises(Fault) as caught:
        await MediaProcesses(argv=python(full)).perform(REQUEST, SourceReport, heedless)
    assert (caught.value.code, caught.value.retryable) == ("storage.full", True)
    assert not isinstance(caught.value, CrashedDecoder)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("sys.exit(3)", "exit code 3"),
        ("sys.exit(0)", "exit code 0"),
        ("print('{\"progress\":')", "cannot read"),
        ('print(\'{"result":"seven"}\')', "cannot read"),
        ("sys.stdout.write('{\"result\":7}')", "exit code 0"),
    ],
)
async def test_a_process_that_dies_or_talks_nonsense_has_crashed(code: str, told: str) -> None:
    with pytest.raises(CrashedDecoder, match=told):
        await MediaProcesses(argv=python(code)).perform(REQUEST, int, heedless)


async def test_a_process_that_falls_silent_is_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(CrashedDecoder, match="no sign of life"):
        await MediaProcesses(argv=python(code), silence_s=3).perform(REQUEST, int, heedless)
    assert has_ended(int(note.read_text()))


async def test_cancelling_ends_the_process_and_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}\\n'); time.sleep(60)"
    )
    media = MediaProcesses(argv=python(code))
    working = asyncio.create_task(media.perform(REQUEST, int, heedless))
    await until(lambda: note.exists() and note.read_text().endswith("\n"))
    working.cancel()
    await asyncio.wait({working})
    assert working.cancelled()
    pids = [int(pid) for pid in note.read_text().split()]
    await until(lambda: all(map(has_ended, pids)))


async def test_what_a_process_says_on_its_way_out_is_kept_for_the_log() -> None:
    process = await MediaProcess.spawn(
        python("[print(f'line {n}', file=sys.stderr) for n in range(100)]; os._exit(1)")
    )
    await process.send(b"{}")
    with pytest.raises(CrashedDecoder):
        await process.receive(60)
    assert process.stderr_tail.endswith("line 98\nline 99")
    assert "line 1\n" not in process.stderr_tail


async def test_a_process_stands_by_and_is_replaced_when_it_is_taken() -> None:
    media = MediaProcesses(argv=python("print('{\"result\":%d}' % os.getpid())"))
    async with standing_by(media):
        await asyncio.wait_for(media.reserve_ready(), 60)
        first = media.reserve
        assert first is not None
        assert await media.perform(REQUEST, int, heedless) == first.pid
        await asyncio.wait_for(media.reserve_ready(), 60)
        second = media.reserve
        assert second is not None
        assert second.pid != first.pid
    assert not second.is_running


async def test_a_reserve_that_died_is_passed_over() -> None:
    media = MediaProcesses(argv=python("print('{\"result\":1}')"))
    async with standing_by(media):
        await asyncio.wait_for(media.reserve_ready(), 60)
        assert media.reserve is not None
        await media.reserve.end()
        assert await media.perform(REQUEST, int, heedless) == 1
