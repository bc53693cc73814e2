"""Who goes first where threads of an edge want one processor: those that answer hits."""

import ctypes
import os
import platform
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from edge.precedence import NICENESS
from tests.fixtures.edge import RunningEdge
from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.processes import until

NICEST = 19  # there is no more than that
SHORTEST_NS = 100_000
ANOTHER_NS = 300_000
# sched_setattr(2) and sched_getattr(2) have no other names in the C library of some systems.
SET, GET = {"x86_64": (314, 315), "aarch64": (274, 275)}[platform.machine()]


class Attributes(ctypes.Structure):
    """`struct sched_attr` of <linux/sched/types.h>, version 0."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def attributes(thread: int) -> Attributes:
    """What a thread is scheduled by. Raises `ProcessLookupError` where it has ended."""
    found = Attributes()
    size = ctypes.sizeof(found)
    if ctypes.CDLL(None, use_errno=True).syscall(GET, thread, ctypes.byref(found), size, 0) != 0:
        raise OSError(ctypes.get_errno(), f"thread {thread}")
    return found


def slices_of(threads: Iterable[int], nice: int) -> Iterator[int]:
    """The slices of those threads that are as nice as that, and have not ended meanwhile."""
    for each in threads:
        with suppress(ProcessLookupError):
            if (found := attributes(each)).nice == nice:
                yield found.runtime


def slice_after_asking() -> int:
    """Ask for a slice for this thread, and give the one it has then."""
    wanted = Attributes(size=ctypes.sizeof(Attributes), runtime=ANOTHER_NS)
    assert ctypes.CDLL(None).syscall(SET, 0, ctypes.byref(wanted), 0) == 0
    return int(attributes(0).runtime)


@pytest.fixture(scope="module")
def knows_slices() -> bool:
    """Whether this kernel lets a thread have a slice of its own (Linux 6.12)."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(slice_after_asking).result() == ANOTHER_NS


async def test_a_thread_of_the_plane_has_the_shortest_slice_and_keeps_all_else(
    edge: RunningEdge, knows_slices: bool
) -> None:
    await edge.get("/nothing")  # so that the thread has begun
    own = attributes(0)
    (thread,) = [each for each in threading.enumerate() if each.name == "plane-0"]
    assert thread.native_id is not None
    found = attributes(thread.native_id)
    assert found.runtime == (SHORTEST_NS if knows_slices else own.runtime)
    assert own.runtime != SHORTEST_NS
    assert (found.policy, found.nice, found.flags) == (own.policy, own.nice, own.flags)


async def test_python_gives_way_to_the_threads_of_the_plane(
    process: EdgeProcess, knows_slices: bool
) -> None:
    await process.start()
    assert process.process is not None
    leader = process.process.pid
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    nicer = min(ours + NICENESS, NICEST)
    await until(lambda: os.getpriority(os.PRIO_PROCESS, leader) == nicer, 60)
    threads = {int(each.name) for each in Path(f"/proc/{leader}/task").iterdir()} - {leader}
    assert SHORTEST_NS in slices_of(threads, ours) or not knows_slices
