"""Clips, views and joined videos of protected films: the film's samples, under its keys, alone."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

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
from tests.fixtures.protected_players import (
    MPD,
    Samples,
    Viewer,
    all_equal,
    default_kid,
    samples_of,
)

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


# What is joined, by which twin (None: the clear film), and the segments that are then played.
JOINTS = {
    "two protected": ((0, 8500, LENGTH_MS), (1, 0, 3000)),
    "protected, then clear": ((0, 8500, LENGTH_MS), (None, 0, 3000)),
    "clear, then protected": ((None, 8500, LENGTH_MS), (0, 0, 3000)),
    "of one film": ((0, 8500, LENGTH_MS), (0, 0, 3000)),
    "there and back": ((0, 8500, LENGTH_MS), (None, 0, 3000), (1, 5000, 7000)),
}
SEGMENTS = (2, 0, 1)


async def join(
    hall: Hall, protection: Protection, joint: tuple[tuple[int | None, int, int], ...]
) -> str:
    return await hall.edit(
        *[
            (None if number is None else hall.twins[protection, number], start_ms, end_ms)
            for number, start_ms, end_ms in joint
        ]
    )


@pytest.mark.parametrize("joint", JOINTS.values(), ids=JOINTS)
@pytest.mark.parametrize("protection", PROTECTED)
async def test_joined_parts_are_under_their_own_keys_in_hls(
    hall: Hall, protection: Protection, joint: tuple[tuple[int | None, int, int], ...]
) -> None:
    folder = await join(hall, protection, joint)
    for kind in "va":
        url = await hall.playlist(folder, kind)
        parsed = parse_playlist(await hall.cutter.text(url))
        assert len(parsed.all("EXT-X-DISCONTINUITY")) == len(joint) - 1
        wanted = await hall.clear(kind, *SEGMENTS[: len(joint)])
        assert all_equal(await hall.viewer.hls(url), wanted)


@pytest.mark.parametrize("joint", JOINTS.values(), ids=JOINTS)
@pytest.mark.parametrize("protection", IN_DASH)
async def test_joined_parts_are_under_their_own_keys_in_dash(
    hall: Hall, protection: Protection, joint: tuple[tuple[int | None, int, int], ...]
) -> None:
    folder = await join(hall, protection, joint)
    for kind in ("video", "audio"):
        periods = await hall.viewer.dash(f"{folder}/manifest.mpd", kind)
        wanted = [await hall.clear(kind[0], number) for number in SEGMENTS[: len(joint)]]
        assert [len(each) for each in periods] == [1] * len(joint)
        for read, samples in zip(periods, wanted, strict=True):
            assert all_equal(read, samples)


@pytest.mark.parametrize("name", ["two protected", "protected, then clear", "there and back"])
async def test_each_period_names_the_key_of_its_film(hall: Hall, name: str) -> None:
    joint = JOINTS[name]
    folder = await join(hall, Protection.AES_128_AND_CENC, joint)
    root = ET.fromstring(await hall.cutter.text(f"{folder}/manifest.mpd"))
    named = [
        [default_kid(each) for each in period.iterfind("AdaptationSet", MPD)
         if each.get("contentType") in {"video", "audio"}]
        for period in root.iterfind("Period", MPD)
    ]  # fmt: skip
    for (number, _, _), kids in zip(joint, named, strict=True):
        wanted = {""}
        if number is not None:
            twin = hall.twins[Protection.AES_128_AND_CENC, number]
            wanted = {twin.key(Scheme.CENC, kind).kid.hex() for kind in "va"}
        assert set(kids) == wanted


async def test_the_multivariant_playlist_names_the_keys_of_all_parts(hall: Hall) -> None:
    protection = Protection.AES_128_AND_CENC
    master = await hall.cutter.text(
        f"{await join(hall, protection, JOINTS['two protected'])}/master.m3u8"
    )
    named = re.findall(r'#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key/(\w+)"', master)
    wanted = {
        hall.twins[protection, number].key(Scheme.AES_128, kind).kid.hex()
        for number in range(2)
        for kind in "va"
    }
    assert (len(named), set(named)) == (4, wanted)


@pytest.mark.parametrize("name", JOINTS)
async def test_ffmpeg_plays_encrypted_joints_as_clear_ones(hall: Hall, name: str) -> None:
    joint = JOINTS[name]
    hidden = await join(hall, Protection.AES_128, joint)
    clear = await hall.edit(*[(None, start_ms, end_ms) for _, start_ms, end_ms in joint])
    for stream in ("v:0", "a:0"):
        frames = [await decode(f"{each}/master.m3u8", stream) for each in (hidden, clear)]
        assert frames[0] == frames[1]
        assert frames[0]


@pytest.mark.parametrize("name", ["two protected", "protected, then clear"])
async def test_what_is_joined_has_the_keys_of_its_parts_and_no_others(
    hall: Hall, name: str
) -> None:
    protection = Protection.CBCS
    folder = await join(hall, protection, JOINTS[name])
    both = [hall.twins[protection, number] for number, _, _ in JOINTS[name] if number is not None]
    assert await keys_had(hall, folder) == (kids_of(*both), kids_of(*both))
    # The first part is played for 3512 ms: a view of a stretch before that shows it alone.
    assert await keys_had(hall, f"{folder}-e2000") == (kids_of(both[0]), kids_of(both[0]))
    last = kids_of(*both[1:])
    assert await keys_had(hall, f"{folder}-b4000-e5000") == (last, last)


@pytest.mark.parametrize("name", ["protected, then clear", "clear, then protected"])
@pytest.mark.parametrize("protection", PROTECTED)
async def test_a_view_of_one_part_is_as_protected_as_that_part(
    hall: Hall, protection: Protection, name: str
) -> None:
    joint = JOINTS[name]
    folder = await join(hall, protection, joint)
    for (number, _, _), view, segment in zip(
        joint, ("-e2000", "-b4000-e5000"), (2, 0), strict=True
    ):
        url = await hall.playlist(f"{folder}{view}", "v")
        assert ("#EXT-X-KEY" in await hall.cutter.text(url)) == (number is not None)
        assert all_equal(await hall.viewer.hls(url), await hall.clear("v", segment))
        has_dash = protection.has_dash or number is None
        found = await hall.cutter.status(f"{folder}{view}/manifest.mpd")
        assert found == (200 if has_dash else 404)
        thumb = await hall.cutter.status(f"{folder}{view}/thumb/100-w160.webp")
        assert thumb == (200 if number is None else 404)


@pytest.mark.parametrize("joint", JOINTS.values(), ids=JOINTS)
async def test_the_clear_name_of_a_protected_part_leads_nowhere_in_what_is_joined(
    hall: Hall, joint: tuple[tuple[int | None, int, int], ...]
) -> None:
    """But for the segments that the clear film has in it, those of a part of their own."""
    folder = await join(hall, Protection.CENC, joint)
    wanted = {
        segment for (number, _, _), segment in zip(joint, SEGMENTS, strict=False) if number is None
    }
    for kind in "va":
        clear = await hall.playlist(hall.cutter.view(""), kind)
        place = clear.removeprefix(hall.cutter.view("")).rpartition("/")[0]
        found = {
            each
            for each in range(3)
            if await hall.cutter.status(f"{folder}{place}/{each}.m4s") == 200
        }
        assert found == wanted
        assert await hall.cutter.status(f"{folder}{place}/track.mp4") == 404


@pytest.mark.parametrize("joint", JOINTS.values(), ids=JOINTS)
@pytest.mark.parametrize("protection", PROTECTED)
async def test_the_i_frames_of_joined_parts_are_under_their_own_keys(
    hall: Hall, protection: Protection, joint: tuple[tuple[int | None, int, int], ...]
) -> None:
    clear = [(None, start_ms, end_ms) for _, start_ms, end_ms in joint]
    read = []
    for parts in (joint, clear):
        url = await hall.playlist(await join(hall, protection, tuple(parts)), "v")
        read.append(await hall.viewer.hls(url.replace("index.m3u8", "iframe.m3u8")))
    assert all_equal(*read)
    assert len(read[0]) == 2 * len(joint)


async def test_dash_is_not_offered_of_a_joint_with_a_part_that_it_lacks(hall: Hall) -> None:
    folder = await join(hall, Protection.AES_128, JOINTS["clear, then protected"])
    assert await hall.cutter.status(f"{folder}/manifest.mpd") == 404
    assert await hall.cutter.status(f"{folder}/master.m3u8") == 200


async def test_the_pictures_of_moments_are_those_of_the_clear_parts(hall: Hall) -> None:
    folder = await join(hall, Protection.CENC, JOINTS["protected, then clear"])
    assert await hall.cutter.status(f"{folder}/thumb/1000-w160.webp") == 404
    assert await hall.cutter.status(f"{folder}/thumb/4000-w160.webp") == 200


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
