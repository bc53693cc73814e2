"""Thumbnails over HTTP, and how many of them are made at a time."""

import asyncio
import io
import re
from dataclasses import replace
from pathlib import Path

import av
import msgspec
import pytest
from av.video.frame import VideoFrame

from core.errors import Fault
from core.media.thumbnail import ImageFormat
from origin.delivery.room import NoRoom
from origin.delivery.thumbnails import (
    MOST_WAITING,
    Moment,
    ThumbnailFailed,
    ThumbnailLate,
    Thumbnails,
)
from origin.packaging.faults import CorruptSource
from origin.packaging.protocol import Image, Still
from runtime.metrics import Metrics
from tests.fixtures.catalogue import playback_id_of
from tests.fixtures.media import read_number
from tests.fixtures.origin import Delivery, Prepared

POSTER = "public, max-age=86400, stale-while-revalidate=604800"
MOMENT = Moment("0123456789abcdef0123", 2000, 160, ImageFormat.JPEG)


def opened(data: bytes) -> VideoFrame:
    with av.open(io.BytesIO(data), "r") as container:
        return next(container.decode(video=0))


@pytest.mark.postgres
async def test_it_is_the_picture_of_its_moment_and_says_how_long_it_holds(
    prepared: Prepared, origin: Delivery
) -> None:
    for at_ms, image, number in ((0, "jpg", 0), (2440, "webp", 61), (7999, "jpg", 199)):
        url = origin.media(prepared.video_id, f"thumb/{at_ms}-w160.{image}")
        async with origin.client.get(url) as answer:
            assert answer.status == 200, await answer.text()
            kind = {"jpg": "image/jpeg", "webp": "image/webp"}[image]
            assert answer.headers["Content-Type"] == kind
            assert answer.headers["Cache-Control"] == POSTER
            keys = answer.headers["Surrogate-Key"].split()
            assert f"manifest:{playback_id_of(prepared.video_id)}" in keys
            assert read_number(opened(await answer.read())) == number
            etag = answer.headers["ETag"]
        async with origin.client.get(url, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304


@pytest.mark.postgres
async def test_many_who_ask_for_the_same_have_it_made_once(
    prepared: Prepared, origin: Delivery
) -> None:
    path = "thumb/4000-w320.webp"
    bodies = await asyncio.gather(*(origin.get(prepared.video_id, path) for _ in range(12)))
    assert len(set(bodies)) == 1
    async with origin.client.get(f"{origin.url}/metrics") as answer:
        page = await answer.text()
    (made,) = re.findall(r'sluice_origin_thumbnails_total\{outcome="made"\} (\S+)', page)
    assert float(made) == 1


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("1000-w161.jpg", "none of 160"),
        ("1000-w160.png", "no thumbnail's name"),
        ("8000-w160.jpg", "8000 to 8001 ms is no stretch of a video of 8000 ms"),
    ],
)
async def test_what_there_is_not_says_why(
    prepared: Prepared, origin: Delivery, name: str, said: str
) -> None:
    async with origin.client.get(origin.media(prepared.video_id, f"thumb/{name}")) as answer:
        assert answer.status == 404
        assert said in msgspec.json.decode(await answer.read())["detail"]


@pytest.mark.postgres
async def test_a_part_counts_from_its_own_beginning(prepared: Prepared, origin: Delivery) -> None:
    name = f"{playback_id_of(prepared.video_id)}-b3000-e5000"
    async with origin.client.get(f"{origin.url}/media/{name}/thumb/1000-w160.jpg") as answer:
        assert read_number(opened(await answer.read())) == 100
    async with origin.client.get(f"{origin.url}/media/{name}/thumb/2000-w160.jpg") as answer:
        assert answer.status == 404
    pictures = f"{playback_id_of(prepared.video_id)}-p"
    async with origin.client.get(f"{origin.url}/media/{pictures}/thumb/0-w160.jpg") as answer:
        assert answer.status == 404


class Decoder:
    """Decodes when it is told to, and counts."""

    def __init__(self, outcome: bytes | Fault = b"a picture") -> None:
        self.go_on = asyncio.Event()
        self.running = self.most = self.all = 0
        self._outcome = outcome

    async def __call__(self, _request: Still) -> Image:
        self.running, self.all = self.running + 1, self.all + 1
        self.most = max(self.most, self.running)
        try:
            await self.go_on.wait()
        finally:
            self.running -= 1
        if isinstance(self._outcome, Fault):
            raise self._outcome
        return Image(self._outcome)


def desk(decoder: Decoder, at_a_time: int = 2, deadline_s: float = 60) -> Thumbnails:
    return Thumbnails(
        decoder,
        Metrics(process="test", with_process=False),
        at_a_time=at_a_time,
        deadline_s=deadline_s,
    )


def moments(count: int) -> list[Moment]:
    return [replace(MOMENT, at_ms=number) for number in range(count)]


async def asked(thumbnails: Thumbnails, wanted: list[Moment]) -> "list[asyncio.Task[bytes]]":
    """Ask for all at once; gives the tasks once every one of them waits."""
    tasks = [asyncio.create_task(thumbnails.get(each, Path())) for each in wanted]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_no_more_are_made_at_a_time_than_may_be() -> None:
    decoder = Decoder()
    tasks = await asked(desk(decoder), moments(20))
    assert decoder.running == 2
    decoder.go_on.set()
    assert await asyncio.gather(*tasks) == [b"a picture"] * 20
    assert decoder.most == 2


async def test_what_was_made_is_kept_and_what_is_being_made_is_waited_for() -> None:
    decoder = Decoder()
    thumbnails = desk(decoder)
    tasks = await asked(thumbnails, [MOMENT] * 5)
    tasks[0].cancel()
    decoder.go_on.set()
    await asyncio.gather(*tasks[1:])
    assert await thumbnails.get(MOMENT, Path()) == b"a picture"
    assert decoder.all == 1


async def test_whoever_comes_when_too_many_wait_is_told_to_come_again() -> None:
    decoder = Decoder()
    thumbnails = desk(decoder)
    tasks = await asked(thumbnails, moments(MOST_WAITING))
    with pytest.raises(NoRoom) as refusal:
        await thumbnails.get(MOMENT, Path())
    assert (refusal.value.status, refusal.value.retry_after_s) == (503, 1)
    decoder.go_on.set()
    await asyncio.gather(*tasks)
    assert await thumbnails.get(MOMENT, Path()) == b"a picture"


async def test_a_picture_that_cannot_be_decoded_is_our_fault_and_not_kept() -> None:
    decoder = Decoder(CorruptSource("no picture"))
    decoder.go_on.set()
    thumbnails = desk(decoder)
    for _ in range(2):
        with pytest.raises(ThumbnailFailed) as failure:
            await thumbnails.get(MOMENT, Path())
        assert (failure.value.status, failure.value.code) == (500, "thumbnail.failed")
    assert decoder.all == 2


async def test_decoding_that_takes_too_long_is_ended() -> None:
    decoder = Decoder()
    thumbnails = desk(decoder, deadline_s=0)
    with pytest.raises(ThumbnailLate) as failure:
        await thumbnails.get(MOMENT, Path())
    assert (failure.value.status, decoder.running) == (504, 0)


async def test_closing_ends_what_is_being_made() -> None:
    decoder = Decoder()
    thumbnails = desk(decoder)
    tasks = await asked(thumbnails, moments(4))
    await thumbnails.close()
    assert decoder.running == 0
    assert all(isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(
        *tasks, return_exceptions=True
    ))  # fmt: skip
