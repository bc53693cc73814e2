"""A video's small pictures over HTTP, in every form they have."""

import io

import av
import msgspec
import pytest

from runtime.listen import HostPort
from runtime.postgres import close_pool, connection, open_pool
from runtime.settings import OriginSettings
from tests.fixtures.catalogue import playback_id_of
from tests.fixtures.media import read_number
from tests.fixtures.origin import Delivery, Prepared, running_origin
from tests.fixtures.playlists import parse_playlist

pytestmark = pytest.mark.postgres

IMMUTABLE = "public, max-age=31536000, immutable"
SETTLED = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"


async def folder_of(origin: Delivery, video_id: str) -> str:
    """`sb/{name}` as the JSON has it."""
    document = msgspec.json.decode(await origin.get(video_id, "storyboard.json"))
    return str(document["sprites"][0].rpartition("/")[0])


async def test_the_texts_lead_to_a_sprite_of_the_size_they_tell(
    prepared: Prepared, origin: Delivery
) -> None:
    document = msgspec.json.decode(await origin.get(prepared.video_id, "storyboard.json"))
    assert document["duration"] == 8.0
    assert [tile["start"] for tile in document["tiles"]] == [0.0, 2.0, 4.0, 6.0]
    (sprite,) = document["sprites"]
    vtt = (await origin.get(prepared.video_id, "storyboard.vtt")).decode()
    assert vtt.count(f"{sprite}#xywh=") == 4
    data = await origin.get(prepared.video_id, sprite)
    with av.open(io.BytesIO(data), "r") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (4 * 64, 48)


async def test_each_tile_is_a_fragment_that_ffmpeg_reads_as_jpeg(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = await folder_of(origin, prepared.video_id)
    text = (await origin.get(prepared.video_id, f"{folder}/iframe.m3u8")).decode()
    init = await origin.get(prepared.video_id, f"{folder}/init.mp4")
    shown = []
    for _, address in parse_playlist(text).entries:
        data = await origin.get(prepared.video_id, f"{folder}/{address}")
        jpeg = data[data.index(b"mdat") + 4 :]
        assert jpeg.startswith(b"\xff\xd8")
        assert jpeg.endswith(b"\xff\xd9")
        with av.open(io.BytesIO(init + data), "r") as container:
            assert container.streams.video[0].codec_context.name == "mjpeg"
            (picture,) = container.decode(video=0)
        assert picture.pts is not None
        assert picture.time_base is not None
        shown.append((float(picture.pts * picture.time_base), read_number(picture)))
    assert shown == [(0.0, 0), (2.0, 50), (4.0, 100), (6.0, 150)]


async def test_the_manifests_name_them(prepared: Prepared, origin: Delivery) -> None:
    folder = await folder_of(origin, prepared.video_id)
    master = (await origin.get(prepared.video_id, "master.m3u8")).decode()
    for name in (f"{folder}/iframe.m3u8", f"{folder}/sprites.m3u8"):
        assert f'URI="{name}"' in master
        assert (await origin.get(prepared.video_id, name)).startswith(b"#EXTM3U\n")
    assert (
        f"{folder}/$Number$.jpg" in (await origin.get(prepared.video_id, "manifest.mpd")).decode()
    )


async def test_files_are_immutable_and_texts_are_not(prepared: Prepared, origin: Delivery) -> None:
    folder = await folder_of(origin, prepared.video_id)
    expected = {
        "storyboard.vtt": ("text/vtt", SETTLED),
        "storyboard.json": ("application/json", SETTLED),
        f"{folder}/0.jpg": ("image/jpeg", IMMUTABLE),
        f"{folder}/init.mp4": ("video/mp4", IMMUTABLE),
        f"{folder}/iframe/0.m4s": ("video/iso.segment", IMMUTABLE),
        f"{folder}/iframe.m3u8": ("application/vnd.apple.mpegurl", IMMUTABLE),
    }
    for path, fields in expected.items():
        async with origin.client.get(origin.media(prepared.video_id, path)) as answer:
            found = (answer.headers["Content-Type"], answer.headers["Cache-Control"])
            assert (path, found) == (path, fields)
            keys = answer.headers["Surrogate-Key"].split()
            playback_id = playback_id_of(prepared.video_id)
            assert f"video:{prepared.video_id}" in keys
            assert (f"manifest:{playback_id}" in keys) == path.startswith("storyboard")


@pytest.mark.parametrize(
    "name",
    ["1.jpg", "00.jpg", "iframe/4.m4s", "iframe/00.m4s", "tiles/track.flat", "track.idx", "", "x"],
)
async def test_there_is_nothing_else(prepared: Prepared, origin: Delivery, name: str) -> None:
    folder = await folder_of(origin, prepared.video_id)
    async with origin.client.get(origin.media(prepared.video_id, f"{folder}/{name}")) as answer:
        assert answer.status == 404


async def test_under_another_name_there_is_nothing(prepared: Prepared, origin: Delivery) -> None:
    url = origin.media(prepared.video_id, "sb/00112233445566778899/0.jpg")
    async with origin.client.get(url) as answer:
        assert answer.status == 404


async def test_a_video_that_has_none_is_delivered_as_before(
    prepared: Prepared, on_plane: bool
) -> None:
    pool = await open_pool(prepared.database_url, max_size=1)
    async with connection(pool) as session:
        board = await session.fetchval("SELECT storyboard FROM videos")
        await session.execute("UPDATE videos SET storyboard = NULL")
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    try:
        async with running_origin(settings, on_plane=on_plane) as delivery:
            master = (await delivery.get(prepared.video_id, "master.m3u8")).decode()
            assert "mjpg" not in master
            for name in ("storyboard.vtt", "storyboard.json"):
                url = delivery.media(prepared.video_id, name)
                async with delivery.client.get(url) as answer:
                    assert answer.status == 404
    finally:
        async with connection(pool) as session:
            await session.execute("UPDATE videos SET storyboard = $1::jsonb", board)
        await close_pool(pool)
