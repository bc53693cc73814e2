"""Bodies in files: sent as they are, and never by a thread that waits for the disk."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from native import StoredBody
from tests.fixtures.bare_plane import KEY, BarePlane, bare_plane

SIZE = (2 << 20) + 12_345


@pytest.fixture
def content() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture
def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "body"
    path.write_bytes(b"x" * 100 + content)
    return path


def descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@contextmanager
def descriptor(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY)
    try:
        yield number
    finally:
        os.close(number)


def keep(plane: BarePlane, path: Path) -> StoredBody:
    with descriptor(path) as number:
        return plane.memory.keep_file(number, 100, SIZE)


def forget_pages(path: Path) -> None:
    """Let the kernel drop the file from the page cache."""
    with descriptor(path) as number:
        os.fsync(number)
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)


def test_it_is_served_as_the_file_has_it(plane: BarePlane, file: Path, content: bytes) -> None:
    plane.show(keep(plane, file))
    assert plane.get() == content
    assert plane.get("Range: bytes=1-3") == content[1:4]
    assert plane.get("Range: bytes=5000-90000") == content[5000:90001]
    assert plane.get("Range: bytes=100001-1900001") == content[100_001:1_900_002]
    parts = plane.get("Range: bytes=0-9,1000000-1200000")
    assert content[:10] in parts
    assert content[1_000_000:1_200_001] in parts


def test_what_is_not_in_memory_is_read_by_the_readers(
    plane: BarePlane, file: Path, content: bytes
) -> None:
    plane.show(keep(plane, file))
    forget_pages(file)
    assert plane.get() == content
    assert plane.counted("disk_waits")
    for start, stop in ((0, 5), (70_001, 140_002), (1 << 20, SIZE)):
        forget_pages(file)
        assert plane.get(f"Range: bytes={start}-{stop - 1}") == content[start:stop]


def test_what_is_in_memory_waits_for_nobody(plane: BarePlane, file: Path, content: bytes) -> None:
    plane.show(keep(plane, file))
    with file.open("rb") as reading:
        reading.read()
    assert plane.get() == content
    assert plane.counted("disk_waits") == 0


def test_many_wait_at_once_and_all_are_served(plane: BarePlane, file: Path, content: bytes) -> None:
    plane.show(keep(plane, file))
    forget_pages(file)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(plane.get())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [content] * 20


def test_a_file_that_ends_too_early_breaks_the_answer_off(plane: BarePlane, file: Path) -> None:
    body = keep(plane, file)
    plane.show(body)
    os.truncate(file, 1 << 20)  # what no part of us does
    with pytest.raises(ConnectionResetError):
        plane.get()
    assert body.broken
    assert plane.counted("disk_failures") == 1
    plane.show(plane.memory.keep(b"another"))
    assert plane.get() == b"another"


def test_without_readers_a_wait_ends_the_connection(file: Path) -> None:
    with bare_plane(readers=0) as plane:
        plane.show(keep(plane, file))
        forget_pages(file)
        assert len(plane.get()) < SIZE


def test_a_client_that_leaves_while_the_disk_is_read_harms_nobody(
    plane: BarePlane, file: Path, content: bytes
) -> None:
    plane.show(keep(plane, file))
    for _ in range(30):
        forget_pages(file)
        with socket.create_connection(("127.0.0.1", plane.port)) as connection:
            connection.sendall(f"GET {KEY} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert plane.get() == content


def test_an_unlinked_file_is_served_and_its_descriptor_given_back(
    plane: BarePlane, file: Path, content: bytes
) -> None:
    before = descriptors()
    body = keep(plane, file)
    plane.show(body)
    file.unlink()
    assert plane.get() == content
    plane.plane.drop(KEY.encode())
    plane.plane.used()  # which held what was hit
    del body
    deadline_s = time.monotonic() + 60
    while descriptors() > before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert descriptors() <= before


def test_it_is_read_and_has_no_buffer(plane: BarePlane, file: Path, content: bytes) -> None:
    body = keep(plane, file)
    assert body.in_file
    assert len(body) == SIZE
    assert body.read(10, SIZE) == content[10:]
    with pytest.raises(BufferError, match="wait"):
        memoryview(body)
    with pytest.raises(IndexError, match="of a body of"):
        body.read(0, SIZE + 1)


def test_only_bytes_that_a_regular_file_has_can_be_a_body(
    plane: BarePlane, file: Path, tmp_path: Path
) -> None:
    with descriptor(file) as number, pytest.raises(OSError, match="no regular file"):
        plane.memory.keep_file(number, 101, SIZE)
    with descriptor(tmp_path) as number, pytest.raises(OSError, match="no regular file"):
        plane.memory.keep_file(number, 0, 1)


def test_a_file_that_fails_under_a_read_is_told_of(plane: BarePlane, file: Path) -> None:
    body = keep(plane, file)
    os.truncate(file, 1 << 20)
    with pytest.raises(OSError, match="ends or fails"):
        body.read(0, SIZE)
    assert body.broken
