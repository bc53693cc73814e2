"""Who is at work on which files: told by locks, exactly, whatever happens to their holders."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime import scratch
from runtime.scratch import ClaimTaken, Scratch, live_claims

HOLDER = """
import subprocess, sys
from pathlib import Path
from runtime.scratch import Scratch
held = Scratch.open(Path(sys.argv[1]), "holder")
with held.claim("film"):
    if len(sys.argv) > 2:
        child = subprocess.Popen(
            [sys.executable, "-c", f"import time; time.sleep({sys.argv[2]})"],
            pass_fds=[held.lock_descriptor],
        )
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(root: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that claims "film" and, asked to, leaves a child for so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_a_claim_is_seen_while_it_lasts(tmp_path: Path) -> None:
    with Scratch.open(tmp_path, "worker") as mine:
        with mine.claim("film") as folder:
            (folder / "part").write_bytes(b"1")
            assert live_claims(tmp_path) == {"film"}
        assert live_claims(tmp_path) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_given_back_in_an_error_takes_its_files_along(tmp_path: Path) -> None:
    def fail_at_work(mine: Scratch) -> None:
        with mine.claim("film") as folder:
            (folder / "part").write_bytes(b"1")
            raise ZeroDivisionError

    with Scratch.open(tmp_path, "worker") as mine:
        with pytest.raises(ZeroDivisionError):
            fail_at_work(mine)
        assert live_claims(tmp_path) == set()


def test_the_same_name_cannot_be_claimed_twice(tmp_path: Path) -> None:
    with Scratch.open(tmp_path, "worker") as mine, mine.claim("film"):
        with pytest.raises(ClaimTaken):
            mine.claim("film").__enter__()
        assert live_claims(tmp_path) == {"film"}


def test_the_claims_of_another_living_process_are_seen(tmp_path: Path) -> None:
    with holder(tmp_path):
        assert live_claims(tmp_path) == {"film"}


def test_a_stopped_process_still_holds_its_claims(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        assert live_claims(tmp_path) == {"film"}


def test_a_killed_process_holds_nothing_and_its_folder_goes(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        assert live_claims(tmp_path) == set()
        assert list(tmp_path.iterdir()) == []


def test_the_last_child_of_a_killed_process_is_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path, "0.5") as process:
        process.kill()
        process.wait()
        assert live_claims(tmp_path) == set()
        assert list(tmp_path.iterdir()) == []


def test_a_child_that_does_not_die_keeps_the_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "DYING_DEADLINE_S", 0.1)
    with holder(tmp_path, "3") as process:
        process.kill()
        process.wait()
        assert live_claims(tmp_path) == {"film"}


def test_a_folder_that_was_being_made_or_removed_is_rubbish(tmp_path: Path) -> None:
    (tmp_path / "worker-000000000000").mkdir()
    (tmp_path / "worker-111111111111" / "film").mkdir(parents=True)
    (tmp_path / "worker-111111111111" / ".lock").touch()
    assert live_claims(tmp_path) == set()
    assert list(tmp_path.iterdir()) == []


def test_there_are_no_claims_where_nobody_ever_worked(tmp_path: Path) -> None:
    assert live_claims(tmp_path / "scratch") == set()


async def test_those_who_start_while_others_clean_up_get_a_folder_of_their_own(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()

    async def keep_looking() -> None:
        while not stop.is_set():
            await asyncio.to_thread(live_claims, tmp_path)

    looking = asyncio.create_task(keep_looking())
    for _ in range(50):
        mine = await asyncio.to_thread(Scratch.open, tmp_path, "worker")
        assert os.path.samestat(os.fstat(mine.lock_descriptor), (mine.folder / ".lock").stat())
        mine.close()
    stop.set()
    await looking
