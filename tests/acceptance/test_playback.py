"""From an upload over HTTP to every frame out of the edge, as HLS and as DASH."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.fixtures.eventually import until
from tests.fixtures.players import Frame, decode
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


def assert_same_times(played: list[Frame], source: list[Frame], tick: Fraction) -> None:
    """Every frame of the source comes out, once, at its time within one tick."""
    assert len(played) == len(source)
    first = source[0].time
    for mine, theirs in zip(played, source, strict=True):
        assert abs(mine.time - played[0].time - (theirs.time - first)) <= tick


async def test_a_film_that_plays_everywhere_comes_out_bit_for_bit(
    product: Product, film: Path
) -> None:
    video_id = await product.upload(film)
    video = await product.settled(video_id)
    assert (video.status, video.errors) == ("ready", [])
    play = await product.play(video_id)
    source = await decode(str(film), "v:0")
    for address in (play.hls, play.dash, play.dash.replace("manifest.mpd", "ondemand.mpd")):
        played = await decode(address, "v:0")
        assert_same_times(played, source, Fraction(1, 12800))
        assert [frame.digest for frame in played] == [frame.digest for frame in source]


async def test_its_sound_comes_out_block_for_block(product: Product, film: Path) -> None:
    """Whether a player shows the priming before the sound is its own affair; the rest is not."""
    video_id = await product.upload(film)
    await product.settled(video_id)
    play = await product.play(video_id)
    source = [block.digest for block in await decode(str(film), "a:0")][2:-2]
    for address in (play.hls, play.dash, play.dash.replace("manifest.mpd", "ondemand.mpd")):
        played = [block.digest for block in await decode(address, "a:0")]
        start = played.index(source[0])
        assert played[start : start + len(source)] == source
        assert start <= 3
        assert len(played) - start - len(source) <= 3


async def test_what_must_be_transcoded_keeps_every_frame_on_every_rung(
    product: Product, foreign_film: Path
) -> None:
    video_id = await product.upload(foreign_film)
    video = await product.settled(video_id)
    assert (video.status, video.errors) == ("ready", [])
    rungs = [rendition for rendition in video.renditions if rendition["kind"] == "v"]
    assert len(rungs) >= 3
    play = await product.play(video_id)
    source = await decode(str(foreign_film), "v:0")
    for number in range(len(rungs)):
        played = await decode(play.hls, f"v:{number}")
        assert_same_times(played, source, Fraction(1, 1000))


async def test_the_title_is_the_file_name_without_its_extension(
    product: Product, film: Path
) -> None:
    video_id = await product.upload(film)
    assert (await product.video(video_id)).title == film.stem


async def test_hls_and_dash_name_the_same_segments(product: Product, film: Path) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    play = await product.play(video_id)
    master = await text(product, play.hls)
    root = play.hls.rsplit("/", 1)[0]
    playlists = {
        line for line in master.splitlines() if line.endswith(".m3u8") and not line.startswith("#")
    }
    playlists |= set(re.findall(r'URI="([^"]+\.m3u8)"', master))
    hls = set()
    for playlist in playlists:
        folder = playlist.rsplit("/", 1)[0]
        lines = (await text(product, f"{root}/{playlist}")).splitlines()
        hls |= {f"{folder}/{line}" for line in lines if line.endswith(".m4s")}
    mpd = await text(product, play.dash)
    templates = set(re.findall(r'media="([^"]+\.m4s)"', mpd))
    # Small pictures to seek by are tiles in DASH and one by one in HLS.
    assert {template.rsplit("/", 1)[0] for template in templates} == {
        name.rsplit("/", 1)[0] for name in hls if not name.startswith("sb/")
    }
    for name in hls:
        async with product.http.get(f"{root}/{name}") as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]


async def test_the_second_viewer_is_served_by_the_edge_alone(product: Product, film: Path) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    play = await product.play(video_id)

    async def is_hit() -> bool:
        async with product.http.get(play.hls) as response:
            await response.read()
            nearest = response.headers["Cache-Status"].split(",")[-1]
            assert ("; hit" in nearest) is not ("; fwd=" in nearest)
            return "; hit" in nearest

    assert not await is_hit()
    # The previews of the film, which join later, may purge it once more in between.
    assert await is_hit() or await is_hit()


async def test_a_deleted_video_is_gone_from_the_edge_and_from_the_disk(
    product: Product, film: Path
) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    play = await product.play(video_id)
    await text(product, play.hls)
    async with product.http.delete(f"{product.api}/videos/{video_id}") as response:
        assert response.status == 204

    async def gone() -> bool:
        left = any(product.data.joinpath("store").rglob(f"*{video_id}*"))
        return not left and await status(product, play.hls) == 404

    await until(gone, f"{video_id} forgotten by edge and disk")


async def test_a_viewer_resumes_where_they_stopped(product: Product, film: Path) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    seen = {
        "video_id": video_id,
        "position_ms": 1500,
        "duration_ms": 4000,
        "client_ts": "2026-01-01T00:00:00Z",
    }
    async with product.http.post(f"{product.api}/users/ada/history", json=seen) as response:
        assert response.status == 204, await response.read()
    assert (await product.play(video_id, user="ada")).resume_ms == 1500


async def text(product: Product, url: str) -> str:
    """The body of a 200."""
    async with product.http.get(url) as response:
        body = await response.text()
        assert response.status == 200, body
        return body


async def status(product: Product, url: str) -> int:
    """The status of a GET."""
    async with product.http.get(url) as response:
        await response.read()
        return response.status
