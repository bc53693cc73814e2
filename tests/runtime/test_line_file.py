"""A file of lines: whole lines, opened anew when asked, and lost rather than waited for."""

import os
import threading
from pathlib import Path

import pytest

from runtime.line_file import LineFile, UnwritableLog

NEVER = threading.Event()


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    lines = LineFile(path)
    assert lines.write(b"a\nb\n", NEVER) == 0
    lines.close()
    assert path.read_bytes() == b"old\na\nb\n"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnwritableLog, match=r"cannot write to .*: No such file"):
        LineFile(tmp_path / "none" / "log")


def test_a_file_that_was_moved_away_is_opened_anew_when_asked(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    lines = LineFile(path)
    lines.write(b"a\n", NEVER)
    path.rename(old)
    lines.write(b"b\n", NEVER)
    lines.reopen()
    lines.write(b"c\n", NEVER)
    lines.close()
    assert old.read_bytes() == b"a\nb\n"
    assert path.read_bytes() == b"c\n"


def test_a_full_disk_loses_lines_and_counts_them() -> None:
    lines = LineFile(Path("/dev/full"))
    assert lines.write(b"a\nb\n", NEVER) == 2
    assert lines.write(b"c\n", NEVER) == 1
    lines.close()


def test_a_pipe_that_is_full_is_waited_for_until_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lines = LineFile(path)
    stop = threading.Event()
    lost: list[int] = []
    thread = threading.Thread(target=lambda: lost.append(lines.write(b"line\n" * 50_000, stop)))
    thread.start()
    stop.set()
    thread.join(20)
    (count,) = lost
    assert 0 < count < 50_000
    written = os.read(reader, 1 << 20)
    assert written.count(b"\n") == 50_000 - count
    os.close(reader)
    lines.close()


def test_after_a_torn_line_the_next_begins_on_its_own(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lines = LineFile(path)
    stop = threading.Event()
    stop.set()
    assert lines.write(b"x" * (1 << 20) + b"\n", stop) == 1
    torn = b""
    while len(piece := _read(reader)):
        torn += piece
    assert set(torn) == {ord("x")}
    assert lines.write(b"next\n", stop) == 0
    assert _read(reader) == b"\nnext\n"
    os.close(reader)
    lines.close()


def test_standard_output_takes_lines(capfd: pytest.CaptureFixture[str]) -> None:
    lines = LineFile(Path("-"))
    assert lines.write(b"a line\n", NEVER) == 0
    lines.close()
    assert capfd.readouterr().out == "a line\n"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return b""
