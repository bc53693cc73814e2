"""Protected titles: what their segments and files hold, decrypted by others."""

import gc
import hashlib
import io
import re
import shutil
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import av
import msgspec
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from core.media.description import encode_description
from core.protection import track
from core.protection.scheme import Protection, Scheme
from native import AES_INSTRUCTIONS, reference
from origin.delivery import pipeline, protected
from origin.stored_track import INDEX_NAME, StoredTrack
from runtime.listen import HostPort
from runtime.postgres import Pool, close_pool, open_pool, transaction
from runtime.settings import OriginSettings
from tests.fixtures.boxes import fragment_samples, top
from tests.fixtures.decryption import decrypt_fragment, decrypt_resource, read_init
from tests.fixtures.eventually import until
from tests.fixtures.indexes import reseal
from tests.fixtures.origin import Prepared, running_origin
from tests.fixtures.players import decode
from tests.fixtures.protected import MASTER_KEY, Twin, protected_twin
from tests.fixtures.protected_origin import ProtectedOrigin, running_protected, settings_of

pytestmark = pytest.mark.postgres

DASH = {
    "dash": "urn:mpeg:dash:schema:mpd:2011",
    "cenc": "urn:mpeg:cenc:2013",
}
COMMON = [(Protection.CENC, Scheme.CENC), (Protection.CBCS, Scheme.CBCS)]


@pytest.fixture(scope="module")
def twins() -> dict[Protection, Twin]:
    return {}


@pytest.fixture
async def origin(
    prepared: Prepared, twins: dict[Protection, Twin], on_plane: bool
) -> AsyncIterator[ProtectedOrigin]:
    async with running_protected(prepared, twins, on_plane=on_plane) as running:
        yield running


@pytest.mark.parametrize(("protection", "scheme"), COMMON)
async def test_samples_come_back_by_their_boxes(
    origin: ProtectedOrigin, protection: Protection, scheme: Scheme
) -> None:
    twin = origin.twins[protection]
    clear_folders = await origin.folders(origin.clear_id)
    for kind, folder in (await origin.folders(twin.playback_id)).items():
        defaults = read_init(await origin.get(twin.playback_id, f"{folder}/init.mp4"))
        key = twin.key(scheme, kind)
        assert (defaults.scheme, defaults.kid) == (scheme.value, key.kid)
        clear = await origin.segments(origin.clear_id, clear_folders[kind])
        hidden = await origin.segments(twin.playback_id, folder)
        for plain, encrypted in zip(clear, hidden, strict=True):
            samples = [
                plain[sample.offset : sample.offset + sample.size]
                for sample in fragment_samples(plain)[1]
            ]
            assert decrypt_fragment(encrypted, defaults, key.secret) == samples
            assert not any(sample[64:] in encrypted for sample in samples if len(sample) > 400)


async def test_no_two_tracks_share_a_keystream(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.CENC]
    vectors: set[tuple[bytes, bytes]] = set()
    count = 0
    for folder in (await origin.folders(twin.playback_id)).values():
        kid = read_init(await origin.get(twin.playback_id, f"{folder}/init.mp4")).kid
        for segment in await origin.segments(twin.playback_id, folder):
            senc = top(segment).find("moof/traf/senc")
            at = 8
            for _ in range(senc.fields("I")[0]):
                vectors.add((kid, senc.payload[at : at + 8]))
                at += 8
                if senc.flags & 2:
                    at += 2 + 6 * int.from_bytes(senc.payload[at : at + 2])
                count += 1
    assert len(vectors) == count


async def test_whole_segments_come_back_by_the_playlist(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.AES_128]
    clear_folders = await origin.folders(origin.clear_id)
    for kind, folder in (await origin.folders(twin.playback_id)).items():
        playlist = (await origin.get(twin.playback_id, f"{folder}/index.m3u8")).decode()
        before, _, rest = playlist.partition("#EXT-X-MAP")
        assert "#EXT-X-KEY" not in before, "the init segment is clear"
        tags = re.findall(
            r'#EXT-X-KEY:METHOD=AES-128,URI="(.+)",IV=0x([0-9a-f]{32})\n#EXTINF:.*\n(.+)\n', rest
        )
        clear = await origin.segments(origin.clear_id, clear_folders[kind])
        assert len(tags) == len(clear) == len({iv for _, iv, _ in tags})
        for (address, iv, name), plain in zip(tags, clear, strict=True):
            path = f"{folder}/{address}"
            while "/../" in path:
                path = re.sub(r"[^/]+/\.\./", "", path, count=1)
            key = await origin.get(twin.playback_id, path)
            assert key == twin.key(Scheme.AES_128, kind).secret
            encrypted = await origin.get(twin.playback_id, f"{folder}/{name}")
            assert decrypt_resource(encrypted, key, bytes.fromhex(iv)) == plain
        init = await origin.get(twin.playback_id, f"{folder}/init.mp4")
        assert init == await origin.get(origin.clear_id, f"{clear_folders[kind]}/init.mp4")


async def made_by_the_plane(origin: ProtectedOrigin) -> float:
    async with origin.delivery.client.get(f"{origin.delivery.url}/metrics") as answer:
        page = await answer.text()
    found = re.search(r"^sluice_edge_made_segments_total (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    ("protection", "is_made"),
    [(Protection.CENC, True), (Protection.CBCS, True), (Protection.AES_128, False)],
)
async def test_what_is_encrypted_by_samples_is_made_by_the_data_plane(
    origin: ProtectedOrigin, on_plane: bool, protection: Protection, is_made: bool
) -> None:
    twin = origin.twins[protection]
    for kind, folder in (await origin.folders(twin.playback_id)).items():
        before = await made_by_the_plane(origin)
        first, second = (await origin.segments(twin.playback_id, folder))[:2]
        assert first != second
        made = await made_by_the_plane(origin) - before
        assert (made > 0) is (is_made and on_plane and AES_INSTRUCTIONS), kind


@pytest.mark.parametrize(("protection", "scheme"), COMMON)
async def test_ffmpeg_decrypts_to_the_same_frames(
    origin: ProtectedOrigin, protection: Protection, scheme: Scheme
) -> None:
    twin = origin.twins[protection]
    clear_folders = await origin.folders(origin.clear_id)
    for kind, folder in (await origin.folders(twin.playback_id)).items():
        files = []
        for playback_id, place in (
            (origin.clear_id, clear_folders[kind]),
            (twin.playback_id, folder),
        ):
            init = await origin.get(playback_id, f"{place}/init.mp4")
            files.append(init + b"".join(await origin.segments(playback_id, place)))
        frames = decoded(files[0])
        assert len(frames) >= 200
        assert decoded(files[1], twin.key(scheme, kind).secret) == frames


def decoded(data: bytes, key: bytes = b"") -> list[tuple[int | None, str]]:
    """Time and digest of every frame, as FFmpeg decodes a file; with `key` it decrypts it first."""
    options = {"decryption_key": key.hex()} if key else {}
    with av.open(io.BytesIO(data), "r", options=options) as container:
        return [
            (frame.pts, hashlib.sha256(content_of(frame)).hexdigest())
            for frame in container.decode(container.streams[0])
        ]


def content_of(frame: object) -> bytes:
    if isinstance(frame, AudioFrame):
        return b"".join(bytes(plane)[: 4 * frame.samples] for plane in frame.planes)
    assert isinstance(frame, VideoFrame)
    return b"".join(bytes(plane) for plane in frame.planes)


@pytest.mark.parametrize("instructions", [True, False])
async def test_a_thread_makes_what_is_long_whatever_does_aes(
    origin: ProtectedOrigin,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
    on_plane: bool,
    instructions: bool,
) -> None:
    twins = [origin.twins[each] for each in (Protection.CENC, Protection.CBCS, Protection.AES_128)]
    places = [(twin.playback_id, (await origin.folders(twin.playback_id))["v"]) for twin in twins]
    expected = [(await origin.segments(*place))[1] for place in places]
    monkeypatch.setattr(protected, "SHORT_BYTES", 0)
    monkeypatch.setattr(pipeline, "SMALL_BYTES", 0)
    if not instructions:
        monkeypatch.setattr(track, "FragmentCipher", reference.FragmentCipher)
        monkeypatch.setattr(protected, "encrypt_resource_of_file",
                            reference.encrypt_resource_of_file)  # fmt: skip
    async with running_origin(settings_of(prepared), on_plane=on_plane) as delivery:
        other = replace(origin, delivery=delivery)
        for (playback_id, folder), segment in zip(places, expected, strict=True):
            path = f"{folder}/1.m4s"
            assert [await other.get(playback_id, path) for _ in range(3)] == [segment] * 3
            async with delivery.client.get(
                other.url(playback_id, path), headers={"Range": "bytes=100-4999"}
            ) as answer:
                assert (answer.status, await answer.read()) == (206, segment[100:5000])


@pytest.mark.parametrize("protection", [Protection.CENC, Protection.CBCS])
async def test_no_cipher_stays_when_all_is_answered(
    origin: ProtectedOrigin,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
    on_plane: bool,
    protection: Protection,
) -> None:
    """They were kept with their expanded keys, some hundreds of them, until others came."""
    ciphers: list[weakref.ref[reference.FragmentCipher]] = []

    def watched(*given: Any, **named: Any) -> reference.FragmentCipher:
        made = reference.FragmentCipher(*given, **named)
        ciphers.append(weakref.ref(made))
        return made

    monkeypatch.setattr(track, "FragmentCipher", watched)
    twin = origin.twins[protection]
    async with running_origin(settings_of(prepared), on_plane=on_plane) as delivery:
        other = replace(origin, delivery=delivery)
        for folder in (await other.folders(twin.playback_id)).values():
            await other.segments(twin.playback_id, folder)
            await other.get(twin.playback_id, f"{folder}/track.mp4")
        assert ciphers

        async def all_are_gone() -> bool:
            gc.collect()
            return not any(cipher() for cipher in ciphers)

        await until(all_are_gone, "every cipher is let go of", deadline_s=5)


async def test_ffmpeg_plays_encrypted_hls_as_the_clear_one(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.AES_128_AND_CENC]
    for stream in ("v:0", "a:0"):
        frames = [
            await decode(origin.url(playback_id, "master.m3u8"), stream)
            for playback_id in (origin.clear_id, twin.playback_id)
        ]
        assert frames[0] == frames[1]


async def test_hls_and_dash_may_be_under_different_schemes(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.AES_128_AND_CENC]
    master = (await origin.get(twin.playback_id, "master.m3u8")).decode()
    session_keys = re.findall(r'#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key/(\w+)"', master)
    assert set(session_keys) == {twin.key(Scheme.AES_128, kind).kid.hex() for kind in "va"}
    mpd = ET.fromstring(await origin.get(twin.playback_id, "manifest.mpd"))
    for adaptation in mpd.iterfind(".//dash:AdaptationSet", DASH):
        if adaptation.attrib["contentType"] == "image":
            continue  # small pictures are clear
        kind = adaptation.attrib["contentType"][0]
        common, clear_key = adaptation.iterfind("dash:ContentProtection", DASH)
        assert common.attrib["schemeIdUri"] == "urn:mpeg:dash:mp4protection:2011"
        assert common.attrib["value"] == "cenc"
        kid = common.attrib["{urn:mpeg:cenc:2013}default_KID"].replace("-", "")
        assert kid == twin.key(Scheme.CENC, kind).kid.hex()
        assert clear_key.attrib["schemeIdUri"] == "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
        assert len(clear_key) == 0, "the address of licences is the viewer's own"
        template = adaptation.find(".//dash:SegmentTemplate", DASH)
        assert template is not None
        init = await origin.get(twin.playback_id, template.attrib["initialization"])
        assert read_init(init).kid.hex() == kid
        pssh = top(init).find("moov/pssh")
        assert (pssh.version, pssh.payload[4:20].hex()) == (1, "1077efecc0b24d02ace33c1e52e2fb4b")
        assert pssh.payload[20:24] == b"\0\0\0\x01"
        assert pssh.payload[24:40].hex() == kid


async def test_segments_under_cbcs_say_so_in_hls(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.CBCS]
    for kind, folder in (await origin.folders(twin.playback_id)).items():
        playlist = (await origin.get(twin.playback_id, f"{folder}/index.m3u8")).decode()
        kid = twin.key(Scheme.CBCS, kind).kid.hex()
        assert playlist.count("#EXT-X-KEY") == 1
        assert f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="../../../key/{kid}"' in playlist


@pytest.mark.parametrize("protection", [each for each in Protection if each.hls])
async def test_a_protected_title_has_nothing_clear(
    origin: ProtectedOrigin, protection: Protection
) -> None:
    twin = origin.twins[protection]
    for folder in (await origin.folders(origin.clear_id)).values():
        for file in ("init.mp4", "0.m4s", "index.m3u8", "track.mp4"):
            assert await origin.status(twin.playback_id, f"{folder}/{file}") == 404
    for folder in (await origin.folders(twin.playback_id)).values():
        if protection.hls is Scheme.AES_128:
            assert await origin.status(twin.playback_id, f"{folder}/track.mp4") == 404


async def test_what_is_encrypted_whole_is_no_indexed_file(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.AES_128]
    assert await origin.status(twin.playback_id, "ondemand.mpd") == 404


@pytest.mark.parametrize(("protection", "scheme"), [
    (Protection.CBCS, Scheme.CBCS), (Protection.AES_128_AND_CENC, Scheme.CENC),
])  # fmt: skip
async def test_a_track_is_one_indexed_file(
    origin: ProtectedOrigin, protection: Protection, scheme: Scheme
) -> None:
    twin = origin.twins[protection]
    mpd = ET.fromstring(await origin.get(twin.playback_id, "ondemand.mpd"))
    sets = [each for each in mpd.iterfind(".//dash:AdaptationSet", DASH)
            if each.find(".//dash:SegmentBase", DASH) is not None]  # fmt: skip
    assert {each.attrib["contentType"] for each in sets} == {"video", "audio"}
    for adaptation in sets:
        kind = adaptation.attrib["contentType"][0]
        assert adaptation.find("dash:ContentProtection[@cenc:default_KID]", DASH) is not None
        for place in adaptation.iterfind(".//dash:Representation", DASH):
            address = str(place.findtext("dash:BaseURL", namespaces=DASH))
            base = place.find("dash:SegmentBase", DASH)
            assert base is not None
            whole = await origin.get(twin.playback_id, address)
            check_index(whole, base.attrib["indexRange"])
            await check_ranges(origin, twin, address, whole)
            folder = address.removesuffix("track.mp4")
            assert whole.startswith(await origin.get(twin.playback_id, f"{folder}init.mp4"))
            (clear,) = [each for each in (await origin.folders(origin.clear_id)).values()
                        if each.split("/")[:2] == folder.split("/")[:2]]  # fmt: skip
            expected = decoded(await origin.get(origin.clear_id, f"{clear}/track.mp4"))
            assert decoded(whole, twin.key(scheme, kind).secret) == expected


def check_index(whole: bytes, told: str) -> None:
    """Every reference of the index is a fragment, and all of them are the rest of the file."""
    boxes = list(top(whole).children())
    (index,) = [box for box in boxes if box.kind == b"sidx"]
    assert told == f"{index.start}-{index.start + index.size - 1}"
    count = int.from_bytes(index.payload[30:32])
    sizes = [int.from_bytes(index.payload[at : at + 4])
             for at in range(32, 32 + 12 * count, 12)]  # fmt: skip
    moofs = [box.start for box in boxes if box.kind == b"moof"]
    assert [stop - start for start, stop in pairwise([*moofs, len(whole)])] == sizes


async def check_ranges(origin: ProtectedOrigin, twin: Twin, address: str, whole: bytes) -> None:
    url, middle = origin.url(twin.playback_id, address), len(whole) // 2
    for start, stop in ((0, 10), (700, 2900), (middle, middle + 3000), (5, len(whole))):
        asked = {"Range": f"bytes={start}-{stop - 1}"}
        async with origin.delivery.client.get(url, headers=asked) as answer:
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
            assert await answer.read() == whole[start:stop]


async def test_dash_is_not_offered_where_segments_are_encrypted_whole(
    origin: ProtectedOrigin,
) -> None:
    twin = origin.twins[Protection.AES_128]
    assert await origin.status(twin.playback_id, "manifest.mpd") == 404


@pytest.mark.parametrize("protection", [each for each in Protection if each.hls])
async def test_ranges_and_lengths_are_those_of_the_encrypted_bytes(
    origin: ProtectedOrigin, protection: Protection
) -> None:
    twin = origin.twins[protection]
    for folder in (await origin.folders(twin.playback_id)).values():
        url = origin.url(twin.playback_id, f"{folder}/1.m4s")
        async with origin.delivery.client.head(url) as head:
            length = int(head.headers["Content-Length"])
        whole = await origin.get(twin.playback_id, f"{folder}/1.m4s")
        assert len(whole) == length
        for asked, part in (
            ("bytes=0-99", whole[:100]),
            ("bytes=300-699", whole[300:700]),
            ("bytes=-77", whole[-77:]),
            (f"bytes={length - 5}-", whole[-5:]),
        ):
            async with origin.delivery.client.get(url, headers={"Range": asked}) as answer:
                assert answer.status == 206
                assert await answer.read() == part


async def test_what_has_not_changed_is_not_made_to_say_so(
    origin: ProtectedOrigin, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, on_plane: bool
) -> None:
    async def refuse(*_what: object) -> None:
        raise AssertionError("a segment was made")

    monkeypatch.setattr("origin.delivery.answer.LISTENING_AGE_S", 0)
    twins = [origin.twins[each] for each in (Protection.CENC, Protection.CBCS, Protection.AES_128)]
    async with running_origin(settings_of(prepared), on_plane=on_plane) as delivery:
        other = replace(origin, delivery=delivery)
        for twin in twins:
            for folder in (await other.folders(twin.playback_id)).values():
                path = f"{folder}/1.m4s"
                made = await other.get(twin.playback_id, path)
                with monkeypatch.context() as patch:
                    patch.setattr(protected.ProtectedSegments, "segment", refuse)
                    assert await other.get(twin.playback_id, path) == made


@pytest.mark.parametrize("protection", [each for each in Protection if each.hls])
async def test_the_bit_rate_promised_is_kept(
    origin: ProtectedOrigin, protection: Protection
) -> None:
    twin = origin.twins[protection]
    master = (await origin.get(twin.playback_id, "master.m3u8")).decode()
    (average,) = re.findall(r"#EXT-X-STREAM-INF:.*AVERAGE-BANDWIDTH=(\d+)", master)
    total = 0
    for folder in (await origin.folders(twin.playback_id)).values():
        total += sum(map(len, await origin.segments(twin.playback_id, folder)))
    assert 8 * total / 8 <= int(average), "eight seconds of film"
    assert int(average) < 1.3 * total


@pytest.mark.parametrize("protection", [Protection.AES_128, Protection.CENC, Protection.CBCS])
async def test_pictures_for_winding_are_encrypted_too(
    origin: ProtectedOrigin, protection: Protection
) -> None:
    twin = origin.twins[protection]
    clear_folder = (await origin.folders(origin.clear_id))["v"]
    folder = (await origin.folders(twin.playback_id))["v"]
    playlist = (await origin.get(twin.playback_id, f"{folder}/iframe.m3u8")).decode()
    names = re.findall(r"^(iframe/\d+\.m4s)$", playlist, re.MULTILINE)
    vectors = re.findall(r"#EXT-X-KEY:METHOD=AES-128,.*IV=0x(\w{32})", playlist)
    assert len(names) > 1
    scheme = protection.schemes[0]
    key = twin.key(scheme, "v")
    for number, name in enumerate(names):
        plain = await origin.get(origin.clear_id, f"{clear_folder}/{name}")
        hidden = await origin.get(twin.playback_id, f"{folder}/{name}")
        if scheme is Scheme.AES_128:
            vector = bytes.fromhex(vectors[number])
            assert decrypt_resource(hidden, key.secret, vector) == plain
        else:
            assert playlist.count("#EXT-X-KEY") == 1
            defaults = read_init(await origin.get(twin.playback_id, f"{folder}/init.mp4"))
            ((sample,),) = [fragment_samples(plain)[1]]
            clear = plain[sample.offset : sample.offset + sample.size]
            assert decrypt_fragment(hidden, defaults, key.secret) == [clear]


@pytest.mark.parametrize("protection", [Protection.CENC, Protection.CBCS])
async def test_pictures_that_cannot_be_divided_are_left_out_and_the_others_play(
    prepared: Prepared, tmp_path: Path, on_plane: bool, protection: Protection
) -> None:
    """Such a track took the whole manifest with it, with 400."""
    data = tmp_path / "data"
    shutil.copytree(prepared.data, data)
    pool = await open_pool(prepared.database_url, max_size=2)
    twin = await protected_twin(pool, prepared.video_id, protection)
    await add_unreadable_pictures(pool, twin, data)
    await close_pool(pool)
    settings = OriginSettings(
        database_url=prepared.database_url, data=data, listen=HostPort("127.0.0.1", 0),
        master_key=MASTER_KEY,
    )  # fmt: skip
    async with running_origin(settings, on_plane=on_plane) as delivery:
        origin = ProtectedOrigin(delivery, f"p_{prepared.video_id}", {})
        for name in ("manifest.mpd", "ondemand.mpd", "master.m3u8"):
            text = (await origin.get(twin.playback_id, name)).decode()
            assert ("v/unreadable/" in text, "v/" in text, "a/" in text) == (False, True, True)


async def add_unreadable_pictures(pool: Pool, twin: Twin, data: Path) -> None:
    """Give a video its picture once more, with a configuration that says nothing."""
    prefix = f"builds/{twin.video_id}/unreadable"
    async with transaction(pool) as session:
        await session.execute(
            "CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT * FROM tracks "
            "WHERE video_id = $1 AND kind = 'v' LIMIT 1",
            twin.video_id,
        )
        (row,) = await session.fetch("SELECT store_prefix FROM copied")
        await session.execute(
            "UPDATE copied SET name = 'unreadable', store_prefix = $1, "
            "id = nextval(pg_get_serial_sequence('tracks', 'id'))",
            prefix,
        )
        await session.execute("INSERT INTO tracks OVERRIDING SYSTEM VALUE SELECT * FROM copied")
    folder = data / "store" / prefix
    shutil.copytree(data / "store" / row["store_prefix"], folder)
    stored = StoredTrack.open(folder)
    entry = stored.description.sample_entry
    at = entry.index(b"avcC") + 4
    wrong = msgspec.structs.replace(
        stored.description, sample_entry=entry[:at] + b"\0" + entry[at + 1 :]
    )
    index = (folder / INDEX_NAME).read_bytes()
    changed = index.replace(stored.index.description, encode_description(wrong))
    assert len(changed) == len(index)
    assert changed != index
    (folder / INDEX_NAME).write_bytes(reseal(changed))
