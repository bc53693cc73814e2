"""Runs each contestant in turn and takes its processor time."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.packaging.contestants import Contestant

DEADLINE_S: Final = 600
MADE: Final = "made"
UNCOMPILED: Final = "PYTHONDONTWRITEBYTECODE"


class PackagingFailed(Exception):
    """A contestant ended badly, or what it wrote is not the film."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: processor time in user and system mode, and how long it took, in seconds."""

    user_s: float
    system_s: float
    wall_s: float

    @property
    def cpu_s(self) -> float:
        """All its processor time."""
        return self.user_s + self.system_s


class Warm(Protocol):
    """A worker that runs already and does its work when asked."""

    def timed(self) -> Run:
        """Do it, and give what it took."""


def interleaved(
    field: Sequence[Contestant], film: Path, folder: Path, repetitions: int, worker: Warm
) -> Iterator[tuple[Contestant, Run]]:
    """Run everyone, then everyone again: what slows the machine for a while meets all.

    `worker` does the work of who has no command.
    """
    for _ in range(repetitions):
        for each in field:
            if each.words is None:
                yield each, worker.timed()
                continue
            with tempfile.TemporaryDirectory(dir=folder) as out:
                yield each, timed(each, film, Path(out))


def timed(contestant: Contestant, film: Path, out: Path) -> Run:
    """Run one contestant; its time is that of its process and of all that this waited for."""
    assert contestant.words is not None, contestant.name
    words = contestant.words(film, out)
    started_s = time.monotonic()
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=complaints, env=environment()
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            complaints.seek(0)
            said = complaints.read()[-2000:].decode(errors="replace")
            raise PackagingFailed(f"{contestant.name} ended with {process.returncode}: {said}")
    return Run(used.ru_utime, used.ru_stime, time.monotonic() - started_s)


def environment() -> dict[str, str]:
    """Give what a command runs with: Python keeps what it compiled, as it does for everybody."""
    return {name: value for name, value in os.environ.items() if name != UNCOMPILED}


def check(contestant: Contestant, ffmpeg: str, film: Path, folder: Path) -> None:
    """Run a contestant once and compare every packet of its output with the film's.

    Raises `PackagingFailed`. A worker has no output.
    """
    if contestant.words is None:
        return
    with tempfile.TemporaryDirectory(dir=folder) as out:
        timed(contestant, film, Path(out))
        inner = Path(out, MADE)
        manifest = (inner if inner.is_dir() else Path(out)) / contestant.manifest
        for kind in ("v", "a"):
            if _digest(ffmpeg, manifest, kind) != _digest(ffmpeg, film, kind):
                raise PackagingFailed(f"{contestant.name}: its {kind}:0 is not that of the film")
        shutil.rmtree(inner, ignore_errors=True)


def _digest(ffmpeg: str, source: Path, kind: str) -> bytes:
    """The MD5 of all packets of a stream, one behind the other."""
    words = [ffmpeg, "-nostdin", "-v", "error", "-i", str(source), "-map", f"0:{kind}:0"]
    words += ["-c", "copy", "-f", "md5", "-"]
    return subprocess.run(words, capture_output=True, check=True, timeout=DEADLINE_S).stdout
