"""Clips, views and joined videos of protected films: the film's samples, under its keys, alone."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

import native
from core.protection.scheme import Protection, Scheme
from runtime.listen import HostPort
from runtime.postgres import close_pool, connection, open_pool
from runtime.settings import OriginSettings
from tests.fixtures.cutting import LENGTH_MS, Cutter
from tests.fixtures.origin import Prepared, running_origin
from tests.fixtures.players import decode
from tests.fixtures.playlists import parse_playlist
from tests.fixtures.protected import MASTER_KEY, Twin, protected_twin
from tests.fixtures.protected_players import Samples, Viewer, all_equal, samples_of

pytestmark = pytest.mark.postgres

PROTECTED = [each for each in Protection if each.hls]
IN_DASH = [each for each in PROTECTED if each.has_dash]


@dataclass(frozen=True)
class Hall:
    """An origin, a clear film, and two twins of it under every protection."""

    cutter: Cutter
    twins: dict[tuple[Protection, int], Twin]

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.cutter.origin.client)

    def folder(self, twin: Twin, view: str = "") -> str:
        return f"{self.cutter.origin.url}/media/{twin.playback_id}{view}"

    async def edit(self, *parts: tuple[Twin | None, int, int]) -> str:
        """The folder of a new edit of stretches of twins, or (None) of the clear film."""
        films = [None if twin is None else twin.video_id for twin, _, _ in parts]
        stretches = [(start_ms, end_ms) for _, start_ms, end_ms in parts]
        return await self.cutter.edit(*stretches, prefix="s_", film_ids=films)

    async def playlist(self, folder: str, kind: str) -> str:
        """The playlist of the picture (`v`) or the sound (`a`)."""
        (url,) = [each for each in await self.cutter.playlists(folder) if f"/{kind}/" in each]
        return url

    async def clear(self, kind: str, *numbers: int) -> list[Samples]:
        """The samples of segments of the clear film."""
        url = await self.playlist(self.cutter.view(""), kind)
        data = [
            await self.cutter.bytes(f"{url.rpartition('/')[0]}/{number}.m4s") for number in numbers
        ]
        return [samples_of(each) for each in data]


@pytest.fixture(scope="module")
def twins() -> dict[tuple[Protection, int], Twin]:
    return {}


@pytest.fixture
async def hall(cinema: Prepared, twins: dict[tuple[Protection, int], Twin]) -> AsyncIterator[Hall]:
    pool = await open_pool(cinema.database_url, max_size=2)
    for protection in PROTECTED:
        for number in range(2):
            if (protection, number) not in twins:
                made = await protected_twin(pool, cinema.video_id, protection)
                twins[protection, number] = made
    settings = OriginSettings(
        database_url=cinema.database_url,
        data=cinema.data,
        listen=HostPort("127.0.0.1", 0),
        master_key=MASTER_KEY,
    )
    async with running_origin(settings, on_plane=native.IMPL == "compiled") as origin:
        yield Hall(Cutter(cinema, origin, pool), twins)
    await close_pool(pool)


@pytest.mark.parametrize("how", ["clip", "view"])
@pytest.mark.parametrize("protection", PROTECTED)
async def test_a_clip_of_a_protected_film_is_the_films_samples_under_its_keys_in_hls(
    hall: Hall, protection: Protection, how: str
) -> None:
    twin = hall.twins[protection, 0]
    folder = hall.folder(twin, "-b5000-e9000")
    if how == "clip":
        folder = await hall.edit((twin, 5000, 9000))
    for kind in "va":
        url = await hall.playlist(folder, kind)
        assert f"METHOD={'AES-128' if protection.hls is Scheme.AES_128 else 'SAMPLE-AES'}" in (
            await hall.cutter.text(url)
        )
        assert all_equal(await hall.viewer.hls(url), await hall.clear(kind, 1, 2))


@pytest.mark.parametrize("how", ["clip", "view"])
@pytest.mark.parametrize("protection", IN_DASH)
async def test_a_clip_of_a_protected_film_is_the_films_samples_under_its_keys_in_dash(
    hall: Hall, protection: Protection, how: str
) -> None:
    twin = hall.twins[protection, 0]
    folder = hall.folder(twin, "-b5000-e9000")
    if how == "clip":
        folder = await hall.edit((twin, 5000, 9000))
    for kind in ("video", "audio"):
        (read,) = await hall.viewer.dash(f"{folder}/manifest.mpd", kind)
        assert all_equal(read, await hall.clear(kind[0], 1, 2))


async def test_ffmpeg_plays_an_encrypted_clip_as_the_clear_one(hall: Hall) -> None:
    twin = hall.twins[Protection.AES_128_AND_CENC, 0]
    folders = [await hall.edit((each, 5000, 7000)) for each in (twin, None)]
    for stream in ("v:0", "a:0"):
        hidden, clear = [await decode(f"{folder}/master.m3u8", stream) for folder in folders]
        assert hidden == clear
        assert clear


@pytest.mark.parametrize("protection", PROTECTED)
async def test_a_clip_has_the_bytes_and_the_names_of_its_film(
    hall: Hall, protection: Protection
) -> None:
    twin = hall.twins[protection, 0]
    clip, film = await hall.edit((twin, 5000, 7000)), hall.folder(twin)
    for kind in "va":
        mine, theirs = await hall.playlist(clip, kind), await hall.playlist(film, kind)
        assert mine.removeprefix(clip) == theirs.removeprefix(film)
        for name in ("init.mp4", "1.m4s"):
            one, other = [url.replace("index.m3u8", name) for url in (mine, theirs)]
            assert await hall.cutter.bytes(one) == await hall.cutter.bytes(other)
        for name in ("0.m4s", "2.m4s", "track.mp4"):
            assert await hall.cutter.status(mine.replace("index.m3u8", name)) == 404


@pytest.mark.parametrize("how", ["clip", "view", "filter"])
@pytest.mark.parametrize("protection", PROTECTED)
async def test_nothing_of_a_protected_film_is_clear_in_what_is_made_of_it(
    hall: Hall, protection: Protection, how: str
) -> None:
    """Under the names of the clear builds, which are known from elsewhere, nothing is found."""
    twin = hall.twins[protection, 0]
    folder = {
        "clip": await hall.edit((twin, 5000, 7000)),
        "view": hall.folder(twin, "-b5000-e7000"),
        "filter": hall.folder(twin, "-h90"),
    }[how]
    for kind in "va":
        clear = await hall.playlist(hall.cutter.view(""), kind)
        place = clear.removeprefix(hall.cutter.view("")).rpartition("/")[0]
        names = (
            "index.m3u8",
            "init.mp4",
            "1.m4s",
            "track.mp4",
            "iframe/2.m4s",
            "iframe.m3u8",
            "iframes.mp4",
        )
        for name in names:
            assert await hall.cutter.status(f"{folder}{place}/{name}") == 404, name
    for name in ("thumb/100-w160.webp", "ondemand.mpd"):
        if (how, name) != ("filter", "ondemand.mpd"):  # it is encrypted there
            assert await hall.cutter.status(f"{folder}/{name}") == 404, name


@pytest.mark.parametrize("protection", PROTECTED)
async def test_a_filter_leaves_a_protected_film_as_protected_as_it_was(
    hall: Hall, protection: Protection
) -> None:
    twin = hall.twins[protection, 0]
    folder = hall.folder(twin, "-h90")
    for kind in "va":
        url = await hall.playlist(folder, kind)
        assert url.startswith(f"{folder}/")
        assert all_equal(await hall.viewer.hls(url), await hall.clear(kind, 0, 1, 2))
    assert await hall.cutter.status(f"{hall.folder(twin, '-h89')}/master.m3u8") == 404
    assert await hall.cutter.status(f"{hall.folder(twin, '-p')}/master.m3u8") == 404


async def keys_had(hall: Hall, folder: str) -> tuple[set[str], set[str]]:
    """Which keys of all the twins are given under a folder, one by one: as keys, and licences."""
    kids = {key.kid.hex() for twin in hall.twins.values() for key in twin.keys}
    given = {kid for kid in kids if await hall.cutter.status(f"{folder}/key/{kid}") == 200}
    licences = {kid: await hall.viewer.licence(f"{folder}/license", kid) for kid in kids}
    assert {each.status for each in licences.values()} <= {200, 403, 404}
    return given, {kid for kid, licence in licences.items() if licence.status == 200}


def kids_of(*twins: Twin) -> set[str]:
    return {key.kid.hex() for twin in twins for key in twin.keys}


@pytest.mark.parametrize("protection", PROTECTED)
async def test_what_is_made_of_a_film_has_the_keys_of_that_film_and_no_others(
    hall: Hall, protection: Protection
) -> None:
    twin = hall.twins[protection, 0]
    for folder in (await hall.edit((twin, 5000, 7000)), hall.folder(twin, "-e4000-h90")):
        assert await keys_had(hall, folder) == (kids_of(twin), kids_of(twin))
    for folder in (await hall.edit((None, 5000, 7000)), hall.folder(twin, "-p")):
        assert await keys_had(hall, folder) == (set(), set())


async def test_a_licence_that_names_a_key_of_another_film_gives_none(hall: Hall) -> None:
    twin, other = (hall.twins[Protection.CENC, number] for number in range(2))
    folder = await hall.edit((twin, 5000, 7000))
    own, foreign = ([key.kid.hex() for key in each.keys] for each in (twin, other))
    assert (await hall.viewer.licence(f"{folder}/license", *own)).status == 200
    assert (await hall.viewer.licence(f"{folder}/license", *own, foreign[0])).status == 403


async def test_a_public_edit_of_a_protected_film_is_not_there(hall: Hall) -> None:
    """No API makes one: its address would give the keys to everybody."""
    twin = hall.twins[Protection.CENC, 0]
    folder = await hall.cutter.edit((5000, 7000), prefix="p_", film_ids=[twin.video_id])
    assert await hall.cutter.status(f"{folder}/master.m3u8") == 404
    assert await keys_had(hall, folder) == (set(), set())


async def test_the_i_frames_of_a_clip_are_encrypted_as_its_film_is(hall: Hall) -> None:
    clear = await hall.edit((None, 5000, 7000))
    place = (await hall.playlist(clear, "v")).rpartition("/")[0]
    wanted = [samples_of(await hall.cutter.bytes(f"{place}/iframe/{each}.m4s")) for each in (2, 3)]
    for protection in PROTECTED:
        folder = await hall.edit((hall.twins[protection, 0], 5000, 7000))
        url = (await hall.playlist(folder, "v")).replace("index.m3u8", "iframe.m3u8")
        listed = [uri for _, uri in parse_playlist(await hall.cutter.text(url)).entries]
        assert listed == ["iframe/2.m4s", "iframe/3.m4s"]
        assert all_equal(await hall.viewer.hls(url), wanted)


async def test_text_chapters_and_small_pictures_of_a_protected_clip_are_those_of_a_clear_one(
    hall: Hall,
) -> None:
    folders = [
        await hall.edit((each, 5000, 7000)) for each in (hall.twins[Protection.CBCS, 0], None)
    ]
    (text,) = set(re.findall(r't/[^/"]+', await hall.cutter.text(f"{folders[1]}/master.m3u8")))
    for path in (f"{text}/subtitles.vtt", "chapters.json", "storyboard.json"):
        hidden, clear = [await hall.cutter.bytes(f"{folder}/{path}") for folder in folders]
        assert hidden == clear
        assert clear


async def test_what_is_made_of_a_film_ends_with_its_keys(hall: Hall) -> None:
    """As an operator's database would have it that lost them: an error, and nothing clear."""
    twin = await protected_twin(hall.cutter.pool, hall.cutter.cinema.video_id, Protection.CENC)
    folder = await hall.edit((twin, 0, LENGTH_MS))
    async with connection(hall.cutter.pool) as session:
        await session.execute("DELETE FROM content_keys WHERE video_id = $1", twin.video_id)
    assert await hall.cutter.status(f"{folder}/master.m3u8") == 500
    assert await hall.cutter.status(f"{folder}/manifest.mpd") == 500
