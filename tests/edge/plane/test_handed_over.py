"""A track that the upstream handed over: what is answered from it, and when that ends."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.cache.purging import EVERYTHING, Purge
from core.errors import InternalFault
from core.http.audience import Audience
from core.http.media_token import KeyRing, MediaKey, sign
from edge.config import EdgeConfig
from edge.service import Purger, Sockets, serving
from tests.fixtures.edge import RunningEdge
from tests.fixtures.indexes import SYNC, Row
from tests.fixtures.processes import until
from tests.fixtures.stored_segments import (
    FOLDER,
    SegmentAnswer,
    SegmentUpstream,
    StoredSegments,
)

TAG = "video:1"
KEYS = KeyRing((MediaKey("k1", bytes(range(32))),))


def make(folder: Path) -> StoredSegments:
    folder.mkdir()
    rows: list[Row] = [(300 + n, 1000, 0, SYNC if n % 20 == 0 else 0) for n in range(200)]
    return StoredSegments.made(folder, rows, range(0, 200, 20))


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[SegmentUpstream]:
    upstream = SegmentUpstream(make(tmp_path / "track"))
    yield upstream
    upstream.stored.close()


@asynccontextmanager
async def running(
    upstream: SegmentUpstream, *, on_plane: bool = True, **config: Any
) -> AsyncIterator[tuple[RunningEdge, Purger]]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    settings = EdgeConfig(
        upstream="http://127.0.0.1:1", **{"name": "origin", "audience": Audience.EDGES, **config}
    )
    sockets = Sockets((listener,), None)
    async with serving(settings, sockets, upstream=upstream, on_plane=on_plane) as purge:
        yield RunningEdge(listener.getsockname()[1], 0), purge


async def segment(edge: RunningEdge, number: int) -> bytes:
    answer = await edge.get(f"{FOLDER}/{number}.m4s")
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize("on_plane", [False, True])
async def test_after_one_segment_the_others_are_answered_without_the_upstream(
    upstream: SegmentUpstream, on_plane: bool
) -> None:
    async with running(upstream, on_plane=on_plane) as (edge, _):
        for number in range(10):
            assert await segment(edge, number) == upstream.stored.segment(number)
    assert len(upstream.asked) == (1 if on_plane else 10)


async def test_an_answer_whose_track_cannot_be_handed_over_is_good_all_the_same(
    upstream: SegmentUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: SegmentAnswer) -> StoredSegments:
        raise InternalFault("its key is gone")

    monkeypatch.setattr(SegmentAnswer, "track", property(lambda answer: lambda: gone(answer)))
    async with running(upstream) as (edge, _):
        for number in range(2):
            assert await segment(edge, number) == upstream.stored.segment(number)
    assert upstream.asked == ["0.m4s", "1.m4s"]


async def test_it_takes_no_room_in_memory(upstream: SegmentUpstream) -> None:
    async with running(upstream, memory_bytes=4096) as (edge, _):
        for number in range(10):
            assert await segment(edge, number) == upstream.stored.segment(number)
    assert upstream.asked == ["0.m4s"]


async def test_who_insists_is_answered_by_the_upstream(upstream: SegmentUpstream) -> None:
    async with running(upstream) as (edge, _):
        await segment(edge, 0)
        answer = await edge.get(f"{FOLDER}/1.m4s", {"Cache-Control": "no-cache"})
        assert answer.body == upstream.stored.segment(1)
    assert upstream.asked == ["0.m4s", "1.m4s"]


PURGES = [
    Purge(tags=frozenset({TAG})),
    Purge(tags=frozenset({TAG}), soft=True),
    Purge(resources=frozenset({f"{FOLDER}/7.m4s"})),
    Purge(resources=frozenset({f"{FOLDER}/7.m4s"}), soft=True),
    EVERYTHING,
]


@pytest.mark.parametrize("purge", PURGES)
async def test_after_a_purge_what_it_named_is_asked_of_the_upstream(
    upstream: SegmentUpstream, tmp_path: Path, purge: Purge
) -> None:
    """And is what the upstream has now, which may be another track."""
    other = make(tmp_path / "other")
    async with running(upstream) as (edge, purge_now):
        before = await segment(edge, 0), await segment(edge, 7)
        upstream.stored.close()
        upstream.stored = other
        await purge_now(purge)
        assert await segment(edge, 7) == other.segment(7) != before[1]
        assert await segment(edge, 8) == other.segment(8)
    assert upstream.asked == ["0.m4s", "7.m4s"]


async def test_a_purge_of_something_else_leaves_it(upstream: SegmentUpstream) -> None:
    async with running(upstream) as (edge, purge_now):
        await segment(edge, 0)
        await purge_now(Purge(frozenset({"video:2"}), frozenset({"/media/p_2/v/720p/01/7.m4s"})))
        await segment(edge, 7)
    assert upstream.asked == ["0.m4s"]


@pytest.mark.parametrize("purge", PURGES)
async def test_what_a_fetch_begun_before_a_purge_hands_over_is_not_taken(
    upstream: SegmentUpstream, purge: Purge
) -> None:
    upstream.gate = asyncio.Event()
    async with running(upstream) as (edge, purge_now):
        early = asyncio.create_task(segment(edge, 0))
        await until(lambda: upstream.asked == ["0.m4s"])
        await purge_now(purge)
        upstream.gate.set()
        assert await early == upstream.stored.segment(0), "who had asked before gets it"
        await segment(edge, 7)
        assert upstream.asked == ["0.m4s", "7.m4s"]
        await segment(edge, 8)
        assert upstream.asked == ["0.m4s", "7.m4s"]


async def test_a_purge_outlasts_a_restart(upstream: SegmentUpstream, tmp_path: Path) -> None:
    disk: dict[str, Any] = {"cache_dir": tmp_path / "cache", "disk_bytes": 1 << 24}
    async with running(upstream, **disk) as (edge, purge_now):
        await segment(edge, 0)
        await segment(edge, 1)
        await purge_now(Purge(tags=frozenset({TAG})))
    upstream.stored.close()
    upstream.stored = make(tmp_path / "other")
    async with running(upstream, **disk) as (edge, _):
        for number in (1, 0):
            assert await segment(edge, number) == upstream.stored.segment(number)
    assert upstream.asked == ["0.m4s", "1.m4s"]


async def test_a_token_is_asked_for_as_for_anything(upstream: SegmentUpstream) -> None:
    config: dict[str, Any] = {"audience": Audience.VIEWERS, "media_keys": KEYS}
    name = "s_signed"
    token = sign(name, session_id="x", expires_s=int(time.time()) + 600, keys=KEYS)
    tail = FOLDER.removeprefix("/media/p_1/")
    async with running(upstream, **config) as (edge, _):
        for number in range(3):
            opened = await edge.get(f"/media/~{token}/{name}/{tail}/{number}.m4s")
            assert opened.body == upstream.stored.segment(number)
            assert (await edge.get(f"/media/{name}/{tail}/{number}.m4s")).status == 403
    assert upstream.asked == ["0.m4s"]


async def test_many_who_ask_for_different_segments_at_once_are_all_served(
    upstream: SegmentUpstream,
) -> None:
    async with running(upstream) as (edge, _):
        numbers = [*range(10)] * 6
        found = await asyncio.gather(*(segment(edge, number) for number in numbers))
    assert found == [upstream.stored.segment(number) for number in numbers]
