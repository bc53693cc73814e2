"""Which bytes of AV1 stay readable: what FFmpeg encrypts under `cenc` is what is right."""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import av.error
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.codecs.av1 import obus
from core.codecs.av1_division import av1_division
from native import TrackIndex, _protection, reference
from native._pool import BodyPool
from native.reference.av1_frame import read_frame_header
from native.reference.av1_references import NOTHING
from native.reference.division import Divider
from native.values import Av1Division
from tests.fixtures.av1_clips import Av1Clip, av1_clip
from tests.fixtures.av1_streams import Stream, any_division, obu, sequence_header
from tests.fixtures.decryption import Defaults, decrypt_fragment
from tests.fixtures.encrypted_maps import Map, maps_of_samples
from tests.fixtures.indexes import index_bytes
from tests.fixtures.media import Picture, make_clip

KEY, KID = bytes(range(16)), bytes(16)
IV = {"cenc": bytes.fromhex("00000007ffffffff"), "cbcs": bytes(range(100, 116))}
TWINS = (_protection, reference)
SEQUENCE_HEADER, FRAME_HEADER, TILE_GROUP, FRAME = 1, 3, 4, 6
WAYS: dict[str, dict[str, Any]] = {
    "pyramids": {},
    "no pictures from the future": {"params": "pred-struct=1"},
    "tiles": {"params": "tile-columns=1:tile-rows=1", "width": 1024, "height": 512, "count": 12},
    "film grain": {"params": "film-grain=12"},
    "10 bits": {"pixel_format": "yuv420p10le"},
    "screen content": {"params": "scm=1"},
    "superresolution": {"params": "superres-mode=2:superres-denom=13:superres-kf-denom=11"},
    "other sizes": {"params": "resize-mode=2:resize-denom=12:resize-kf-denom=9"},
    "segments": {"params": "aq-mode=1"},
    "quantisers of its blocks": {"params": "aq-mode=2:enable-restoration=1:enable-cdef=1"},
    "no loss": {"params": "lossless=1", "count": 12},
}


def header_of(samples: Sequence[bytes]) -> bytes:
    rows = [(len(sample), 10, 0, number == 0) for number, sample in enumerate(samples)]
    return TrackIndex(index_bytes(rows)).fragment_header(0, len(samples), 1)


def maps_of(division: Av1Division, samples: Sequence[bytes], scheme: str) -> list[Map]:
    """How both twins divide the samples of a fragment, which their boxes bring back."""
    header, body = header_of(samples), b"".join(samples)
    made = [
        module.FragmentCipher(scheme, KEY, IV[scheme], division).fragment(header, body, 0)
        for module in TWINS
    ]
    assert made[0] == made[1]
    constant = IV[scheme] if scheme == "cbcs" else b""
    defaults = Defaults(scheme, KID, 0 if constant else 8, constant, (1, 9) if constant else (0, 0))
    assert decrypt_fragment(made[0], defaults, KEY) == list(samples)
    assert sealed(division, samples, scheme) == made[0]
    divider = Divider(division, pattern=scheme == "cbcs", padded=False)
    return [divider.divide(memoryview(sample), 0) for sample in samples]


def sealed(division: Av1Division, samples: Sequence[bytes], scheme: str) -> bytes:
    """The same fragment, of which only what has to be is read from a file."""
    cipher = _protection.FragmentCipher(scheme, KEY, IV[scheme], division)
    file, body = os.memfd_create("samples"), b"".join(samples)
    try:
        os.write(file, body)
        made = cipher.sealed(BodyPool(0), header_of(samples), file, 0, len(body), 0)
        return made.read(file, 0, len(made))
    finally:
        os.close(file)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_hidden_is_what_ffmpeg_hides(tmp_path: Path, way: str) -> None:
    division, samples, maps = av1_clip(tmp_path, **WAYS[way])
    assert maps_of(division, samples, "cenc") == maps
    chained = maps_of(division, samples, "cbcs")
    for sample, counted, pieces in zip(samples, maps, chained, strict=True):
        assert sum(map(sum, pieces)) == sum(map(sum, counted)) == len(sample)
        assert ends(counted) <= ends(pieces), "a tile of less than a block is told as well"


@pytest.mark.parametrize("seed", range(8))
def test_what_no_encoder_writes_is_hidden_as_ffmpeg_hides_it(seed: int, tmp_path: Path) -> None:
    """Streams of any headers; FFmpeg refuses some, for values that have no meaning."""
    like = make_clip(tmp_path / "clip.mp4", Picture(codec="libsvtav1", b_frames=0, count=1))
    taken = 0
    with av.open(str(like)) as source:
        for number in range(25):
            draw = random.Random(100 * seed + number)
            division = any_division(draw)
            header = b"\x81\0\0\0" + obu(SEQUENCE_HEADER, sequence_header(division))
            assert av1_division(header) == division
            stream = Stream(division, draw)
            samples = stream.samples(draw.randrange(1, 5))
            try:
                maps = maps_of_samples(source.streams.video[0], samples)
            except av.error.FFmpegError:
                continue
            assert maps_of(division, samples, "cenc") == maps
            taken += bool(samples)
    assert taken > 10


def ends(pieces: Map) -> set[int]:
    """Where encrypted bytes end."""
    at, found = 0, set()
    for clear, hidden in pieces:
        at += clear + hidden
        if hidden:
            found.add(at)
    return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Av1Clip:
    return av1_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Av1Clip:
    return av1_clip(tmp_path_factory.mktemp("tiled"), **WAYS["tiles"])


def apart(division: Av1Division, sample: bytes) -> tuple[bytes, bytes, bytes]:
    """A key picture's first OBUs, its frame header with the bits that end it, and its tiles."""
    *others, frame = obus(sample)
    assert frame.kind == FRAME
    header = read_frame_header(memoryview(frame.payload), division, NOTHING, 0)
    whole, rest = divmod(header.bits, 8)
    ended = bytearray(frame.payload[: whole + 1])
    ended[whole] = ended[whole] & 0xFF00 >> rest | 0x80 >> rest
    tiles = frame.payload[whole + (rest > 0) :]
    return b"".join(each.whole for each in others), bytes(ended), tiles


def test_a_header_may_have_an_obu_of_its_own_and_be_said_twice(clip: Av1Clip) -> None:
    division, samples, _ = clip
    before, header, tiles = apart(division, samples[0])
    before += obu(FRAME_HEADER, header)
    usual = before + obu(TILE_GROUP, tiles)
    again = before + obu(FRAME_HEADER, header) + obu(7, header) + obu(15, b"\x80")
    again += obu(TILE_GROUP, tiles, sized=False)
    for sample in (usual, again):
        clear, hidden = len(sample) - len(tiles), len(tiles)
        assert maps_of(division, [sample], "cbcs") == [[(clear, hidden)]]
        assert maps_of(division, [sample], "cenc") == [
            [(clear + hidden % 16, hidden - hidden % 16)]
        ]


def test_tiles_may_come_in_several_groups(tiled: Av1Clip) -> None:
    division, samples, _ = tiled
    before, header, group = apart(division, samples[0])
    pieces = maps_of(division, samples[:1], "cbcs")[0]
    tiles = [hidden for _, hidden in pieces]
    assert len(tiles) == 4
    digits = pieces[1][0]
    found, at = [], 1
    for number, size in enumerate(tiles):
        at += digits if number < 3 else 0
        found.append(group[at : at + size])
        at += size
    heads = [bytes((0x80 | number << 5 | number << 3,)) for number in range(4)]
    groups = [obu(TILE_GROUP, head + tile) for head, tile in zip(heads, found, strict=True)]
    sample = before + obu(FRAME_HEADER, header) + b"".join(groups)
    assert [hidden for _, hidden in maps_of(division, [sample], "cbcs")[0]] == tiles
    for broken in (groups[1:], groups[:3], [*groups[:3], groups[2]], [groups[0], *groups]):
        agree(division, [before + obu(FRAME_HEADER, header) + b"".join(broken)],
              "is not made of whole frames")  # fmt: skip


def test_a_tile_of_less_than_a_block_has_a_subsample_under_cbcs_alone(clip: Av1Clip) -> None:
    division, samples, _ = clip
    before, header, tiles = apart(division, samples[0])
    sample = before + obu(FRAME_HEADER, header) + obu(TILE_GROUP, tiles[:15])
    assert maps_of(division, [sample], "cbcs") == [[(len(sample) - 15, 15)]]
    assert maps_of(division, [sample], "cenc") == [[(len(sample), 0)]]


def test_long_clear_stretches_get_entries_of_their_own(clip: Av1Clip) -> None:
    division, samples, maps = clip
    long = obu(5, bytes(70_000)) + samples[0]
    expected = [(0xFFFF, 0), (maps[0][0][0] + len(long) - len(samples[0]) - 0xFFFF, maps[0][0][1])]
    assert maps_of(division, [long, *samples[1:9]], "cenc") == [expected, *maps[1:9]]


def test_a_fragment_that_depends_on_earlier_pictures_is_refused(clip: Av1Clip) -> None:
    division, samples, _ = clip
    outcomes = {outcome(_protection, division, samples[at : at + 9]) for at in range(1, 15)}
    assert any("depends on pictures before the fragment" in str(each) for each in outcomes)
    for at in range(1, 15):
        agree(division, samples[at : at + 9])


def test_tile_lists_and_what_stands_for_no_frame_are_refused(clip: Av1Clip) -> None:
    division, samples, _ = clip
    before, header, tiles = apart(division, samples[0])
    for sample in (obu(8, bytes(9)) + samples[0], before + obu(7, header) + obu(TILE_GROUP, tiles)):
        agree(division, [sample], "frame header that makes no sense")
    for sample in (obu(TILE_GROUP, tiles), samples[0][:-1], before + obu(FRAME_HEADER, header)):
        agree(division, [sample], "not made of whole frames")


@pytest.mark.parametrize("module", TWINS, ids=["compiled", "reference"])
def test_where_tiles_are_too_many_for_padding_none_is_shown(
    tiled: Av1Clip, module: ModuleType
) -> None:
    division, samples, _ = tiled
    crowd = samples[0] * 3
    plain = module.FragmentCipher("cbcs", KEY, IV["cbcs"], division)
    assert sum(hidden > 0 for _, hidden in plain.subsamples(crowd)) == 12
    padded = module.FragmentCipher("cbcs", KEY, IV["cbcs"], division, padded=True)
    with pytest.raises(ValueError, match="too much that must stay clear"):
        padded.fragment(header_of([crowd]), crowd, 0)


def outcome(module: Any, division: Av1Division, samples: Sequence[bytes]) -> object:
    cipher = module.FragmentCipher("cbcs", KEY, IV["cbcs"], division)
    try:
        return cipher.fragment(header_of(samples), b"".join(samples), 0)
    except ValueError as error:
        return str(error)


def agree(division: Av1Division, samples: Sequence[bytes], refusal: str = "") -> None:
    """Both twins make the same of samples, whether these are in memory or in a file."""
    outcomes = [outcome(module, division, samples) for module in TWINS]
    assert outcomes[0] == outcomes[1]
    assert refusal in str(outcomes[0])
    try:
        made: object = sealed(division, samples, "cbcs")
    except ValueError as error:
        made = str(error)
    assert made == outcomes[0]


FLAG, BITS = st.booleans(), st.integers(0, 17)


@st.composite
def av1_divisions(draw: st.DrawFn) -> Av1Division:
    """What sequence headers may say, and some that no encoder writes."""
    values: dict[str, Any] = {name: draw(FLAG) for name in Av1Division._fields}
    values |= {name: draw(BITS) for name in Av1Division._fields if name.endswith("_bits")}
    values |= {name: draw(st.integers(1, 16)) for name in ("width_bits", "height_bits")}
    values |= {name: draw(st.integers(1, 1 << 16)) for name in ("width", "height")}
    values["order_bits"] = draw(st.integers(0, 8))
    values["removal_points"] = tuple(draw(st.lists(st.integers(0, 4095), max_size=3)))
    for name in ("screen_content_tools", "integer_vectors"):
        values[name] = draw(st.integers(0, 2))
    return Av1Division(**values)


FRAMES = st.lists(st.tuples(st.sampled_from([3, 4, 6, 6, 6, 7, 8]), st.binary(max_size=120)),
                  min_size=1, max_size=6)  # fmt: skip


@given(av1_divisions(), FRAMES, st.binary(max_size=60))
def test_twins_agree_on_any_headers(
    division: Av1Division, frames: list[tuple[int, bytes]], rest: bytes
) -> None:
    key = obu(FRAME, b"\x10" + bytes(60))  # a key picture that is shown, of zeros
    agree(division, [key, b"".join(obu(kind, payload + rest) for kind, payload in frames)])


@given(av1_divisions(), st.binary(max_size=200))
@example(any_division(random.Random(1)), b"\x36")
def test_twins_agree_on_any_bytes(division: Av1Division, sample: bytes) -> None:
    agree(division, [sample or b"\0"])


def test_twins_agree_on_what_is_nearly_right(clip: Av1Clip, tiled: Av1Clip) -> None:
    places = random.Random(11)
    for division, samples, _ in (clip, tiled):
        for _ in range(150):
            changed = [bytearray(sample) for sample in samples[:6]]
            sample = changed[places.randrange(6)]
            for _ in range(places.randrange(1, 4)):
                sample[places.randrange(min(len(sample), 60))] = places.randrange(256)
            agree(division, [bytes(each) for each in changed])


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_bits": 9}, {"width_bits": 17}, {"height": 0}, {"width": 65_537},
        {"removal_points": (4096,)}, {"removal_points": (0,) * 33}, {"integer_vectors": 3},
        {"removal_bits": 33},
    ],
)  # fmt: skip
def test_numbers_that_no_sequence_has_are_refused(clip: Av1Clip, wrong: dict[str, Any]) -> None:
    said = []
    for module in TWINS:
        with pytest.raises(ValueError, match=r"\w") as refused:
            module.FragmentCipher("cbcs", KEY, IV["cbcs"], clip[0]._replace(**wrong))
        said.append(str(refused.value))
    assert said[0] == said[1]
