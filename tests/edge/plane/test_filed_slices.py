"""Slices of an answer that lies in a file of this machine: stored as they lie there, not copied."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.cache.slices import SLICE_BYTES
from core.http.fields import Headers
from edge.config import EdgeConfig
from edge.service import Sockets, serving
from edge.upstream import KeepFile, UpstreamRequest
from native import Memory
from tests.fixtures.edge import RunningEdge

if TYPE_CHECKING:
    from native import StoredBody

HEAD = b"\0\0\3\x84moof" + bytes(892)
SIZE = 2 * SLICE_BYTES + 400_000
TARGET = "/media/p_1/v/720p/0123/0.m4s"


@dataclass(frozen=True)
class FiledSegment:
    """An answer of a head in memory and the rest in a file."""

    file: int
    status: int = 200
    length: int = len(HEAD) + SIZE
    framed: bool = True

    @property
    def headers(self) -> Headers:
        return (
            ("Content-Length", str(self.length)), ("ETag", '"a"'),
            ("Cache-Control", "max-age=600"), ("Content-Type", "video/iso.segment"),
        )  # fmt: skip

    @property
    def filed(self) -> "FiledSegment":
        return self

    @property
    def track(self) -> None:
        """Its track is not handed over."""

    async def chunks(self) -> AsyncIterator[bytes]:
        yield HEAD
        yield os.pread(self.file, SIZE, 0)

    async def stretches(
        self, keep_file: KeepFile, slice_bytes: int | None = None
    ) -> "AsyncIterator[bytes | StoredBody]":
        assert slice_bytes == SLICE_BYTES, "it is stored, so by slices"
        yield HEAD
        first = slice_bytes - len(HEAD)
        yield os.pread(self.file, first, 0)
        for offset in range(first, SIZE, slice_bytes):
            kept = keep_file(self.file, min(slice_bytes, SIZE - offset), offset)
            assert kept is not None
            yield kept


class FiledUpstream:
    """Gives the same answer each time, and counts how often."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.asked = 0

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def check(self) -> None: ...

    @asynccontextmanager
    async def send(
        self, _request: UpstreamRequest, _body: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[FiledSegment]:
        self.asked += 1
        yield FiledSegment(self.file)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    data = b"".join(number.to_bytes(4) for number in range(SIZE // 4))
    (tmp_path / "track.flat").write_bytes(data)
    return HEAD + data


async def test_only_the_slice_with_the_head_is_copied(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(64 << 20)
    monkeypatch.setattr("edge.service.plane_memory", lambda _limit: memory)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    file = os.open(tmp_path / "track.flat", os.O_RDONLY)
    upstream = FiledUpstream(file)
    config = EdgeConfig(upstream="http://127.0.0.1:1", name="origin")
    sockets = Sockets((listener,), None)
    async with serving(config, sockets, upstream=upstream, on_plane=True):
        edge = RunningEdge(listener.getsockname()[1], 0)
        first = await edge.get(TARGET)
        assert memory.files == 2
        again = await edge.get(TARGET)
        middle = SLICE_BYTES - 7, 2 * SLICE_BYTES + 9
        part = await edge.get(TARGET, {"Range": f"bytes={middle[0]}-{middle[1] - 1}"})
    os.close(file)
    assert first.body == again.body == content
    assert (part.status, part.body) == (206, content[middle[0] : middle[1]])
    assert upstream.asked == 1
