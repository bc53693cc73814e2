"""The generator against servers that answer rightly, wrongly, and not at all."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from benchmarks.load.contestant import Contestant
from benchmarks.load.generator import Load, LoadFailed, Timing, generator, generators, parse_timing
from benchmarks.load.upstream import static_upstream
from benchmarks.load.verify import WrongAnswer, verify
from benchmarks.load.works import PUBLIC_FOLDER, WORKS, Work

SMALL = WORKS[0]
LOAD = Load(connections=4, limit_s=60)


def contestant(port: int) -> Contestant:
    return Contestant(name="it", family="it", settings="", port=port, pid=0)


def reader(connection: socket.socket, answer: bytes) -> None:
    """Answer until the generator goes, which may be in the middle when it found fault."""
    heads = b""
    with connection, suppress(ConnectionError):
        while data := connection.recv(65536):
            *asked, heads = (heads + data).split(b"\r\n\r\n")
            connection.sendall(answer * len(asked))
            if not answer:
                return


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Answer every request with the same bytes; with none, close the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=reader, args=(connection, answer)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def ok(length: int, *, status: str = "200 OK", body: bytes | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nX-Filler: {'x' * 300}\r\ncontent-length: {length}\r\n\r\n"
    return head.encode() + (bytes(length) if body is None else body)


@pytest.mark.parametrize("depth", [1, 16])
@pytest.mark.parametrize("size_bytes", [0, 1, 1024, 4096, 300_000])
def test_it_counts_every_answer_whatever_its_size(size_bytes: int, depth: int) -> None:
    work = Work("it", "it", size_bytes, depth=depth)
    with server(ok(size_bytes)) as port, generator(contestant(port), work, LOAD) as asking:
        seen = asking.round(101)
        assert seen.requests == 101
        assert 0 < seen.p50_us <= seen.p99_us <= seen.seconds * 1e6
        assert asking.round(3).requests == 3


def test_two_ask_together_from_cores_of_their_own() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    cores = [allowed[0], allowed[-1]]
    with (
        server(ok(1024)) as port,
        generators(contestant(port), SMALL, LOAD, cores) as asking,
    ):
        assert [os.sched_getaffinity(pid) for pid in asking.pids] == [{core} for core in cores]
        seen = asking.round(101)
        assert seen.requests == 101
        assert 0 < seen.p50_us <= seen.p99_us <= seen.seconds * 1e6
    assert os.sched_getaffinity(0) == set(allowed)


def test_it_connects_from_many_addresses_with_short_segments() -> None:
    work = Work("it", "it", 1024, mss=1460)
    load = Load(connections=20, sources=10, limit_s=60)
    with server(ok(1024)) as port, generator(contestant(port), work, load) as asking:
        assert asking.round(40).requests == 40


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ok(1024, status="404 Not Found"), "expected status 200, got: HTTP/1.1 404"),
        (ok(1023), "expected Content-Length 1024"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "expected Content-Length"),
        (b"SSH-2.0-something else\r\n\r\n", "expected status"),
        (b"x" * 20_000, "a head of more than"),
        (b"", "closed a connection"),
    ],
)
def test_an_answer_that_is_not_the_expected_one_ends_the_run(answer: bytes, said: str) -> None:
    with (
        server(answer) as port,
        pytest.raises(LoadFailed, match=said),
        generator(contestant(port), SMALL, LOAD),
    ):
        pass


def test_a_server_that_says_nothing_ends_the_run_in_time() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(LoadFailed, match="out of time with 4 answers to come"),
        generator(contestant(silent.getsockname()[1]), SMALL, Load(4, limit_s=1)),
    ):
        pass


def test_the_closing_line_is_read_in_seconds_and_microseconds() -> None:
    assert parse_timing("1000 2500000000 12000 99500") == Timing(1000, 2.5, 12.0, 99.5)


def test_other_bytes_of_the_right_length_are_found_out() -> None:
    with server(ok(1024)) as port, pytest.raises(WrongAnswer, match="1024 other bytes"):
        verify(contestant(port), SMALL)


def test_a_whole_answer_to_a_range_is_found_out() -> None:
    work = Work("it", "it", 4096, first=1, length=10)
    objects = {f"{PUBLIC_FOLDER}/{work.file}": bytes(4096)}
    with (
        static_upstream(objects) as upstream,
        pytest.raises(WrongAnswer, match="status 200, not 206"),
    ):
        verify(contestant(upstream.server_port), work)


def test_the_upstream_serves_its_objects_alone() -> None:
    path = f"{PUBLIC_FOLDER}/{SMALL.file}"
    with static_upstream({path: SMALL.body()}) as upstream:
        found = contestant(upstream.server_port)
        verify(found, SMALL)
        assert upstream.requests == 2
        with pytest.raises(WrongAnswer, match="status 404"):
            verify(found, WORKS[1])
