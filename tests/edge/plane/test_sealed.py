"""Encrypted fragments from the data plane: encrypted as they are sent, however that goes."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from native import (
    AES_INSTRUCTIONS,
    BodyPool,
    FragmentCipher,
    SealedFragment,
    StoredBody,
    TrackIndex,
)
from native.values import AvcDivision
from tests.fixtures.bare_plane import KEY, BarePlane, read_all
from tests.fixtures.indexes import index_bytes
from tests.native.test_protection import IV, PLAIN, SCHEMES, SLICE_START, sample_of
from tests.native.test_protection import KEY as SECRET

BEFORE = 100
MIB = 1 << 20

pytestmark = pytest.mark.skipif(not AES_INSTRUCTIONS, reason="the twin seals nothing")


@dataclass(frozen=True, slots=True)
class Film:
    """A file with samples, its sealed fragment, and that as it is to be sent."""

    path: Path
    sealed: SealedFragment
    expected: bytes

    def body(self, plane: BarePlane, start: int = 0, stop: int | None = None) -> StoredBody:
        with descriptor(self.path) as number:
            stop = len(self.expected) if stop is None else stop
            return plane.memory.keep_sealed(number, self.sealed, start, stop)


@contextmanager
def descriptor(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY)
    try:
        yield number
    finally:
        os.close(number)


@pytest.fixture(params=SCHEMES)
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Film:
    """Three mebibytes in samples of all lengths, one of them longer than what is made at once."""
    noise = random.Random(3)
    lengths = [20, 700_000, *(noise.randrange(40_000) for _ in range(120))]
    samples = [sample_of(SLICE_START + noise.randbytes(length)) for length in lengths]
    index = TrackIndex(index_bytes([(len(sample), 10, 0, 1) for sample in samples]))
    header, body = index.fragment_header(0, len(samples), 1), b"".join(samples)
    path = tmp_path / "track.flat"
    path.write_bytes(bytes(BEFORE) + body)
    scheme: str = request.param
    cipher = FragmentCipher(scheme, SECRET, IV[scheme], AvcDivision({0: PLAIN}, 4))
    with descriptor(path) as number:
        sealed = cipher.sealed(BodyPool(MIB), header, number, BEFORE, len(body), 5)
    return Film(path, sealed, cipher.fragment(header, body, 5))


def forget_pages(path: Path) -> None:
    """Let the kernel drop the file from the page cache."""
    with descriptor(path) as number:
        os.fsync(number)
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)


def test_it_is_sent_as_it_is_made_whole(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    assert plane.get() == film.expected


def test_every_range_of_it_is_right(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    places = random.Random(4)
    length = len(film.expected)
    for _ in range(40):
        start = places.randrange(length)
        stop = min(length, start + places.choice((1, 16, 160, 5_000, 400_000, length)))
        assert plane.get(f"Range: bytes={start}-{stop - 1}") == film.expected[start:stop]
    parts = plane.get("Range: bytes=0-9,300000-300099,1000000-1200000")
    for start, stop in ((0, 10), (300_000, 300_100), (1_000_000, 1_200_001)):
        assert film.expected[start:stop] in parts


def test_bytes_of_it_can_be_a_body(plane: BarePlane, film: Film) -> None:
    body = film.body(plane, 1001, 900_000)
    plane.show(body)
    assert body.in_file
    assert plane.get() == film.expected[1001:900_000]
    assert plane.get("Range: bytes=5-499999") == film.expected[1006:501_001]
    assert body.read(3, 10_003) == film.expected[1004:11_004]
    with pytest.raises(IndexError, match="of a body of"):
        body.read(0, len(body) + 1)
    with pytest.raises(IndexError, match="bytes"):
        film.body(plane, 0, len(film.expected) + 1)


def test_a_client_that_reads_little_at_a_time_gets_the_same(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    taken = []
    sizes = random.Random(6)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", plane.port))
        connection.sendall(f"GET {KEY} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        while piece := connection.recv(sizes.randrange(1, 30_000)):
            taken.append(piece)
    assert b"".join(taken).partition(b"\r\n\r\n")[2] == film.expected


def test_many_get_it_at_once(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(plane.get())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [film.expected] * 20


def test_several_in_one_go_on_one_connection(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    with plane.connect() as connection:
        head = f"GET {KEY} HTTP/1.1\r\nHost: a\r\n"
        connection.sendall((f"{head}\r\n" * 2 + f"{head}Connection: close\r\n\r\n").encode())
        answers = read_all(connection)
    assert answers.count(film.expected) == 3


def test_what_is_not_in_memory_is_read_by_the_readers(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    forget_pages(film.path)
    assert plane.get() == film.expected
    assert plane.counted("disk_waits")
    for start, stop in ((0, 5), (600_001, 700_002), (1 << 20, len(film.expected))):
        forget_pages(film.path)
        assert plane.get(f"Range: bytes={start}-{stop - 1}") == film.expected[start:stop]


def test_what_is_in_memory_waits_for_nobody(plane: BarePlane, film: Film) -> None:
    plane.show(film.body(plane))
    film.path.read_bytes()
    assert plane.get() == film.expected
    assert plane.counted("disk_waits") == 0


def test_a_file_that_ends_too_early_breaks_the_answer_off(plane: BarePlane, film: Film) -> None:
    body = film.body(plane)
    plane.show(body)
    os.truncate(film.path, 1 << 20)  # what no part of us does
    with pytest.raises(ConnectionResetError):
        plane.get()
    assert body.broken
    with pytest.raises(OSError, match="ends or fails"):
        body.read(0, len(body))
    with pytest.raises(OSError, match="no regular file"):
        film.body(plane)


def test_its_file_is_closed_when_nobody_reads_it_any_more(plane: BarePlane, film: Film) -> None:
    body = film.body(plane)
    plane.show(body)
    assert plane.memory.files == 1
    film.path.unlink()
    assert plane.get() == film.expected
    plane.plane.drop(KEY.encode())
    plane.plane.used()  # which held what was hit
    del body
    deadline_s = time.monotonic() + 60
    while plane.memory.files and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert plane.memory.files == 0
