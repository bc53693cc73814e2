"""What nobody asks for twice goes from its flat file to the client, and through no memory."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

import native
from edge import shelf
from origin.delivery import pipeline
from origin.delivery.answer import Answer
from origin.delivery.reading import FileReader
from origin.delivery.representation import FilePart
from runtime.listen import HostPort
from runtime.settings import OriginSettings
from tests.fixtures.origin import Delivery, Prepared, running_origin, segments_of, variant_folders

if TYPE_CHECKING:
    from origin.stored_track import StoredTrack

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(native.IMPL != "compiled", reason="the clear twins have no data plane"),
]


@pytest.fixture
async def origin(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Delivery]:
    """An origin to which every segment is large, and every stretch of a file long."""
    monkeypatch.setattr(pipeline, "SMALL_BYTES", 0)
    monkeypatch.setattr(shelf, "FILE_BYTES", 1)
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings, on_plane=True) as delivery:
        yield delivery


def never(_reader: FileReader, part: FilePart) -> AsyncIterator[bytes]:
    raise AssertionError(f"{part} was read")


async def segment_of(prepared: Prepared, origin: Delivery) -> str:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    return f"{folder}/{(await segments_of(origin, prepared.video_id, folder))[0]}"


async def test_a_segment_is_sent_from_its_file_and_is_what_it_is_from_memory(
    prepared: Prepared, origin: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await segment_of(prepared, origin)
    with monkeypatch.context() as patch:
        patch.setattr(FileReader, "read", never)
        first = await origin.get(prepared.video_id, path)
    second, third = [await origin.get(prepared.video_id, path) for _ in range(2)]
    assert len(first) > 1000
    assert first == second == third


async def test_a_range_of_it_is_sent_from_its_file(
    prepared: Prepared, origin: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await segment_of(prepared, origin)
    monkeypatch.setattr(FileReader, "read", never)
    part = await origin.get(prepared.video_id, path, range="bytes=-201")
    whole = (prepared.data / "store").rglob("track.flat")
    assert len(part) == 201
    assert any(part[-50:] in flat.read_bytes() for flat in whole)


async def test_where_no_descriptor_is_left_the_file_is_read(
    prepared: Prepared, origin: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await segment_of(prepared, origin)

    def refuse(*_where: int) -> None:
        return None

    monkeypatch.setattr(shelf.PlaneShelf, "keep_file", refuse)
    first = await origin.get(prepared.video_id, path)
    assert first == await origin.get(prepared.video_id, path)


async def test_of_a_body_in_slices_whole_ones_are_offered_and_the_rest_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "track.flat").write_bytes(bytes(range(250)))
    with (tmp_path / "track.flat").open("rb") as flat, ThreadPoolExecutor(1) as threads:
        track = cast("StoredTrack", SimpleNamespace(flat=flat.fileno()))
        pieces = (b"head", FilePart(track, 10, 46), b"head", FilePart(track, 100, 66))
        answer = Answer(200, (), 120, pieces, FileReader(threads))
        offered: list[tuple[int, int]] = []

        def keep(
            descriptor: int,
            length: int,
            offset: int,
            sealed: native.SealedFragment | None = None,
        ) -> None:
            offered.append((offset, length))

        body = [chunk async for chunk in answer.stretches(keep, 50)]
    assert offered == [(146, 20)]
    kept = [bytes(range(10, 56)), b"head", bytes(range(100, 146)), bytes(range(146, 166))]
    assert body == [b"head", *kept]
