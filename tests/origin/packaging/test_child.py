"""The child process: one request, lines of JSON, bounds, and an end with its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.media.ladder import fixed_ladder
from core.media.timeline import CutPlan
from native import TrackIndex
from origin.packaging.protocol import (
    Audio,
    Bounds,
    Ingest,
    Ingested,
    Message,
    Poster,
    Probe,
    Request,
    Video,
    decode,
    decode_request,
    encode,
)
from origin.packaging.report import SourceReport
from origin.packaging.track import PackagedTrack
from tests.fixtures.media import Picture, Sound, make_clip

COMMAND = [sys.executable, "-m", "origin.packaging.child"]
DEADLINE_S = 60.0


def answers(request: Request) -> list[Message]:
    child = subprocess.run(
        COMMAND, input=encode(request), capture_output=True, timeout=DEADLINE_S, check=True
    )
    return [decode(line, Message) for line in child.stdout.splitlines()]


def result(request: Request) -> bytes:
    *progress, last = answers(request)
    assert all(one.progress is not None for one in progress)
    assert last.fault is None
    assert last.result is not None
    return bytes(last.result)


def test_a_request_is_one_line_of_json(tmp_path: Path) -> None:
    rung = fixed_ladder(64, 48, None)[0]
    plan = CutPlan(1000, (0, 4000), 8000)  # type: ignore[arg-type]  # plain numbers are ticks here
    request = Video(path=tmp_path, out=tmp_path / "out", rung=rung, plan=plan)
    line = encode(request)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_request(line) == request
    assert json.loads(line)["op"] == "video"


def test_probe_and_copy_take_one_child(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound())
    ingested = decode(result(Ingest(path=path, out=tmp_path / "out")), Ingested)
    assert ingested.to_encode == ()
    assert {track.name for track in ingested.tracks} == {"48p", "audio-und-2ch"}
    for track in ingested.tracks:
        index = TrackIndex((track.directory / "track.idx").read_bytes())
        assert index.sample_count == track.sample_count
        assert len(track.flat_sha256) == len(track.index_sha256) == 32


def test_tracks_that_need_encoding_are_named(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="mpeg4", count=30), Sound(codec="vorbis"))
    ingested = decode(result(Ingest(path=path, out=tmp_path / "out")), Ingested)
    assert ingested.tracks == ()
    assert ingested.to_encode == (0, 1)


def test_tracks_that_are_copied_and_encoded_are_named(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="libx265", count=30), Sound(codec="ac3"))
    ingested = decode(result(Ingest(path=path, out=tmp_path / "out")), Ingested)
    assert [track.name for track in ingested.tracks] == ["48p-hevc", "audio-und-2ch-ac3"]
    assert (ingested.to_encode, ingested.to_join) == ((), (0, 1))


def test_nothing_is_copied_at_once_that_no_browser_plays(tmp_path: Path) -> None:
    request = Ingest(path=tmp_path / "clip.mkv", out=tmp_path / "out", only_whole=True)
    for codec, whole in (("libvpx-vp9", True), ("libx265", False)):
        make_clip(request.path, Picture(codec=codec, count=10, b_frames=0))
        ingested = decode(result(request), Ingested)
        assert bool(ingested.tracks) is whole
        assert ingested.report.plays_at_once is whole


def test_each_piece_of_encoding_is_a_child_of_its_own(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="libx265", count=30), Sound(codec="ac3"))
    report = decode(result(Probe(path=path)), SourceReport)
    rung = fixed_ladder(64, 48, None)[-1]
    video = Video(path=path, out=tmp_path / "out", rung=rung, report=report)
    assert decode(result(video), PackagedTrack).sample_count == 30
    audio = Audio(path=path, out=tmp_path / "out", stream=1)
    assert decode(result(audio), PackagedTrack).name == "audio-und-2ch"
    poster = Poster(path=path, out=tmp_path / "poster.jpg")
    assert result(poster) == b"null"
    assert (tmp_path / "poster.jpg").read_bytes().startswith(b"\xff\xd8")


def test_a_fault_comes_back_with_its_code_and_message(tmp_path: Path) -> None:
    path = tmp_path / "nothing.mp4"
    path.touch()
    (answer,) = answers(Probe(path=path))
    assert answer.fault is not None
    fault = answer.fault.as_fault()
    assert (fault.code, fault.status, fault.retryable) == ("source.empty", 422, False)
    assert fault.message == "This file is empty (0 bytes)."


def test_what_is_no_request_is_refused() -> None:
    child = subprocess.run(
        COMMAND, input=b'{"op":"format-disk"}\n', capture_output=True, timeout=60, check=False
    )
    assert child.returncode == 64
    assert child.stdout == b""


def test_an_end_of_input_is_no_request() -> None:
    child = subprocess.run(COMMAND, input=b"", capture_output=True, timeout=60, check=False)
    assert child.returncode == 64


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose encoding takes some seconds of processor time."""
    picture = Picture(codec="mpeg4", width=640, height=480, count=750, b_frames=0)
    return make_clip(tmp_path_factory.mktemp("long") / "long.mkv", picture)


def long_request(path: Path, out: Path, bounds: Bounds) -> Video:
    rung = fixed_ladder(640, 480, None)[-1]
    return Video(path=path, out=out, rung=rung, bounds=bounds)


def test_sigterm_ends_the_work_and_removes_what_it_wrote(tmp_path: Path, long_clip: Path) -> None:
    request = long_request(long_clip, tmp_path / "out", Bounds())
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(encode(request))
        child.stdin.flush()
        assert b"progress" in child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(DEADLINE_S) == 128 + signal.SIGTERM
    assert list((tmp_path / "out").iterdir()) == []


def test_too_much_processor_time_is_a_fault(tmp_path: Path, long_clip: Path) -> None:
    last = answers(long_request(long_clip, tmp_path / "out", Bounds(cpu_s=1)))[-1]
    assert last.fault is not None
    assert last.fault.code == "source.too_demanding"


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_the_child_dies_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        await_start(child)
        parent.kill()
    deadline = time.monotonic() + DEADLINE_S
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def await_start(pid: int) -> None:
    """Wait until the process runs our module, past the point where it ties itself to its parent."""
    deadline = time.monotonic() + DEADLINE_S
    while b"av/" not in Path(f"/proc/{pid}/maps").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    while Path(f"/proc/{pid}/wchan").read_text() in {"0", ""} and time.monotonic() < deadline - 59:
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
