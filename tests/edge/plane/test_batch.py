"""Answers that are ready together go together, and to each client as if it were alone."""

import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.bare_plane import KEY, BarePlane, bare_plane

SIZE = 60_000
BODY = os.urandom(SIZE)
REQUEST = f"GET {KEY} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
CLIENTS = 40
ROUNDS = 500
IO_URING_SETUP = 425
PARAMS_BYTES = 120


def rings_allowed() -> bool:
    """Whether the kernel gives this process an io_uring."""
    ring: int = ctypes.CDLL(None, use_errno=True).syscall(
        IO_URING_SETUP, 1, ctypes.create_string_buffer(PARAMS_BYTES)
    )
    if ring >= 0:
        os.close(ring)
    return ring >= 0


@pytest.fixture(params=[True, False], ids=["batches", "alone"])
def plane(request: pytest.FixtureRequest) -> Iterator[BarePlane]:
    batches: bool = request.param
    with bare_plane(batches=batches) as running:
        running.show(running.memory.keep(BODY))
        yield running


def is_whole(connection: socket.socket, answers: int = 1) -> bool:
    """Read that many answers, and nothing more; whether each has the body."""
    with connection.makefile("rb") as reading:
        for _ in range(answers):
            while reading.readline() != b"\r\n":
                pass
            if reading.read(SIZE) != BODY:
                return False
    return True


def served_together(plane: BarePlane, connections: list[socket.socket]) -> None:
    """Have all ask at once, until some answers went together."""
    for _ in range(ROUNDS):
        for connection in connections:
            connection.sendall(REQUEST)
        assert all(is_whole(connection) for connection in connections)
        if plane.counted("batched"):
            break


def rings() -> list[int]:
    """The descriptors of this process that are rings."""
    folder = Path("/proc/self/fd")
    return [int(each.name) for each in folder.iterdir() if "io_uring" in os.path.realpath(each)]


def test_they_go_together_where_the_kernel_lets_us() -> None:
    with bare_plane() as plane, ExitStack() as stack:
        plane.show(plane.memory.keep(BODY))
        served_together(plane, [stack.enter_context(plane.connect()) for _ in range(CLIENTS)])
        assert bool(plane.counted("batched")) is rings_allowed()


def test_without_batches_each_is_a_call_of_its_own() -> None:
    with bare_plane(batches=False) as plane, ExitStack() as stack:
        plane.show(plane.memory.keep(BODY))
        connections = [stack.enter_context(plane.connect()) for _ in range(CLIENTS)]
        for connection in connections:
            connection.sendall(REQUEST)
        assert all(is_whole(connection) for connection in connections)
        assert plane.counted("batched") == 0
        assert plane.counted("hits") == CLIENTS


def test_who_takes_nothing_for_a_while_gets_all_of_it_in_the_end(plane: BarePlane) -> None:
    """The socket is full in the middle of an answer: the rest follows, in order."""
    answers = 60
    with ExitStack() as stack:
        connections = [stack.enter_context(plane.connect()) for _ in range(8)]
        for _ in range(answers):
            for connection in connections:
                connection.sendall(REQUEST)
        assert all(is_whole(connection, answers) for connection in connections)
    assert plane.counted("hits") == answers * 8


def test_who_is_gone_before_his_answer_harms_nobody(plane: BarePlane) -> None:
    with ExitStack() as stack:
        staying = [stack.enter_context(plane.connect()) for _ in range(8)]
        for _ in range(30):
            leaving = [plane.connect() for _ in range(8)]
            for stays, leaves in zip(staying, leaving, strict=True):
                leaves.sendall(REQUEST)
                stays.sendall(REQUEST)
                leaves.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                leaves.close()
            assert all(is_whole(connection) for connection in staying)
    deadline_s = time.monotonic() + 60
    while plane.counted("open") and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert plane.counted("open") == 0


def test_when_the_kernel_takes_no_more_each_goes_by_itself() -> None:
    before = rings()
    with bare_plane() as plane, ExitStack() as stack:
        plane.show(plane.memory.keep(BODY))
        connections = [stack.enter_context(plane.connect()) for _ in range(CLIENTS)]
        served_together(plane, connections)
        with Path("/dev/null").open("rb") as null:
            for ring in set(rings()) - set(before):
                os.dup2(null.fileno(), ring)
        for _ in range(20):
            for connection in connections:
                connection.sendall(REQUEST)
            assert all(is_whole(connection) for connection in connections)
