"""Hostile files end in a typed fault or play, within bounds, and harm nothing else."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.media.ladder import fixed_ladder
from origin.packaging.faults import SourceFault
from origin.packaging.limits import Limits
from origin.packaging.poster import poster
from origin.packaging.progress import Unwatched
from origin.packaging.protocol import (
    Bounds,
    Ingest,
    Ingested,
    Message,
    Request,
    decode,
    encode,
)
from origin.packaging.transcode import transcode_audio, transcode_video
from tests.fixtures.hostile import ANY, HOSTILE, Hostile

BOUNDS = Bounds(memory_bytes=2 << 30, cpu_s=20, file_bytes=64 << 20)
DEADLINE_S = 120.0


def work(request: Request) -> Message:
    """Let a confined child do a piece of work; its last message."""
    child = subprocess.run(
        [sys.executable, "-m", "origin.packaging.child"],
        input=encode(request),
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr.decode()
    return decode(child.stdout.splitlines()[-1], Message)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_file_ends_in_a_typed_fault_or_plays(tmp_path: Path, hostile: Hostile) -> None:
    path = tmp_path / "film.mp4"
    hostile.make(path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    answer = work(Ingest(path=path, out=tmp_path / "out", bounds=BOUNDS))
    if answer.fault is not None:
        assert answer.fault.code in hostile.codes, answer.fault.message
        assert answer.fault.message.endswith(".")
        assert answer.fault.status == 422
        assert str(tmp_path) not in answer.fault.message
    else:
        assert hostile.may_play
        assert answer.result is not None
        encode_the_rest(path, decode(answer.result, Ingested), tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 30
    assert time.monotonic() - started < DEADLINE_S


def encode_the_rest(path: Path, ingested: Ingested, tmp_path: Path) -> None:
    """Do all that ingest would go on to do; each piece gives a result or a typed fault."""
    report = ingested.report
    out = tmp_path / "encoded"
    watch = Unwatched()
    for track in report.audio:
        if track.index in ingested.to_encode:
            with tolerated():
                transcode_audio(path, report, track, out, watch)
    if report.video is not None:
        rung = fixed_ladder(*report.video.display_size, report.video.rate)[0]
        with tolerated():
            transcode_video(path, report, rung, None, out, watch)
        with tolerated():
            poster(path, report, tmp_path / "poster.jpg")


@contextmanager
def tolerated() -> Iterator[None]:
    codes = set()
    try:
        yield
    except SourceFault as fault:
        codes.add(fault.code)
    assert codes <= ANY


def test_the_list_of_hostile_files_covers_what_must_hold() -> None:
    names = {hostile.name for hostile in HOSTILE}
    assert len(names) == len(HOSTILE)
    assert {"empty", "text", "no-frames", "index-last", "chunks-beyond-the-end"} <= names
    assert {"huge-mdat", "tiny-picture", "giant-picture", "cut-in-the-samples"} <= names


def test_the_defaults_of_the_limits_refuse_the_giant_picture() -> None:
    limits = Limits()
    assert limits.largest_side < 16384
    assert limits.largest_area < 16384 * 16384
